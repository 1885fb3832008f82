(class_declaration name: (identifier) @name) @definition.class
(class name: (identifier) @name) @definition.class
(function_declaration name: (identifier) @name) @definition.function
(generator_function_declaration name: (identifier) @name) @definition.function
(method_definition name: [(property_identifier) (private_property_identifier)] @name) @definition.function
(field_definition property: [(property_identifier) (private_property_identifier)] @name) @definition.attribute
(program [(lexical_declaration (variable_declarator name: (identifier) @name)) (variable_declaration (variable_declarator name: (identifier) @name))] @definition.constant)
(export_statement [(lexical_declaration (variable_declarator name: (identifier) @name)) (variable_declaration (variable_declarator name: (identifier) @name))] @definition.constant)
(assignment_expression left: (member_expression object: (this) property: (property_identifier) @name)) @definition.attribute
(assignment_expression left: (member_expression property: (property_identifier) @name) right: [(function_expression) (arrow_function) (class)]) @definition.function
(assignment_expression left: (member_expression object: (identifier) @object property: (property_identifier) @name) (#any-of? @object "exports" "module")) @definition.constant
(assignment_expression left: (member_expression object: (member_expression property: (property_identifier) @object) property: (property_identifier) @name) (#any-of? @object "prototype" "exports")) @definition.function
(pair key: (property_identifier) @name value: [(function_expression) (arrow_function)]) @definition.function
(program (expression_statement (assignment_expression right: (object [(pair key: (property_identifier) @name) (shorthand_property_identifier) @name] @definition.constant))))
