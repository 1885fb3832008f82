(class_declaration name: (type_identifier) @name) @definition.class
(abstract_class_declaration name: (type_identifier) @name) @definition.class
(class name: (type_identifier) @name) @definition.class
(interface_declaration name: (type_identifier) @name) @definition.class
(enum_declaration name: (identifier) @name) @definition.class
(internal_module name: (identifier) @name) @definition.class
(type_alias_declaration name: (type_identifier) @name) @definition.class
(function_declaration name: (identifier) @name) @definition.function
(generator_function_declaration name: (identifier) @name) @definition.function
(function_signature name: (identifier) @name) @definition.function
(method_definition name: [(property_identifier) (private_property_identifier)] @name) @definition.function
(method_signature name: (property_identifier) @name) @definition.function
(abstract_method_signature name: (property_identifier) @name) @definition.function
(property_signature name: (property_identifier) @name) @definition.attribute
(public_field_definition name: [(property_identifier) (private_property_identifier)] @name) @definition.attribute
(required_parameter [(accessibility_modifier) "readonly"] pattern: (identifier) @name) @definition.attribute
(enum_body (property_identifier) @name @definition.attribute)
(enum_assignment name: (property_identifier) @name) @definition.attribute
(program [(lexical_declaration (variable_declarator name: (identifier) @name)) (variable_declaration (variable_declarator name: (identifier) @name))] @definition.constant)
(export_statement [(lexical_declaration (variable_declarator name: (identifier) @name)) (variable_declaration (variable_declarator name: (identifier) @name))] @definition.constant)
(assignment_expression left: (member_expression object: (this) property: (property_identifier) @name)) @definition.attribute
(assignment_expression left: (member_expression property: (property_identifier) @name) right: [(function_expression) (arrow_function) (class)]) @definition.function
(pair key: (property_identifier) @name value: [(function_expression) (arrow_function)]) @definition.function
