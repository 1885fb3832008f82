(class_definition name: (identifier) @name) @definition.class
(function_definition name: (identifier) @name) @definition.function
(module (expression_statement (assignment left: (identifier) @name) @definition.constant))
(module (expression_statement (assignment left: (pattern_list (identifier) @name)) @definition.constant))
(module (if_statement (block (expression_statement (assignment left: (identifier) @name) @definition.constant))))
(module (try_statement (block (expression_statement (assignment left: (identifier) @name) @definition.constant))))
(module (type_alias_statement left: (type) @name) @definition.class)
(class_definition body: (block (expression_statement (assignment left: (identifier) @name) @definition.attribute)))
(assignment left: (attribute object: (identifier) @self attribute: (identifier) @name) (#any-of? @self "self" "cls")) @definition.attribute
