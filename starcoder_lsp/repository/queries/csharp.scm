(class_declaration name: (identifier) @name) @definition.class
(interface_declaration name: (identifier) @name) @definition.class
(struct_declaration name: (identifier) @name) @definition.class
(record_declaration name: (identifier) @name) @definition.class
(enum_declaration name: (identifier) @name) @definition.class
(delegate_declaration name: (identifier) @name) @definition.class
(method_declaration name: (identifier) @name) @definition.function
(constructor_declaration name: (identifier) @name) @definition.function
(property_declaration name: (identifier) @name) @definition.attribute
(event_declaration name: (identifier) @name) @definition.attribute
(field_declaration (variable_declaration (variable_declarator name: (identifier) @name))) @definition.attribute
(event_field_declaration (variable_declaration (variable_declarator name: (identifier) @name))) @definition.attribute
(enum_member_declaration name: (identifier) @name) @definition.attribute
(record_declaration (parameter_list (parameter name: (identifier) @name @definition.attribute)))
