(class_declaration name: (identifier) @name) @definition.class
(interface_declaration name: (identifier) @name) @definition.class
(enum_declaration name: (identifier) @name) @definition.class
(record_declaration name: (identifier) @name) @definition.class
(annotation_type_declaration name: (identifier) @name) @definition.class
(method_declaration name: (identifier) @name) @definition.function
(annotation_type_element_declaration name: (identifier) @name) @definition.function
(constructor_declaration name: (identifier) @name) @definition.function
(field_declaration declarator: (variable_declarator name: (identifier) @name)) @definition.attribute
(constant_declaration declarator: (variable_declarator name: (identifier) @name)) @definition.attribute
(enum_constant name: (identifier) @name) @definition.attribute
(record_declaration parameters: (formal_parameters (formal_parameter name: (identifier) @name) @definition.attribute))
