(class_declaration name: (name) @name) @definition.class
(interface_declaration name: (name) @name) @definition.class
(trait_declaration name: (name) @name) @definition.class
(enum_declaration name: (name) @name) @definition.class
(function_definition name: (name) @name) @definition.function
(method_declaration name: (name) @name) @definition.function
(property_element name: (variable_name (name) @name)) @definition.attribute
(property_promotion_parameter name: (variable_name (name) @name)) @definition.attribute
(const_element (name) @name) @definition.constant
(enum_case name: (name) @name) @definition.attribute
