(class name: [(constant) @name (scope_resolution name: (constant) @name)]) @definition.class
(module name: [(constant) @name (scope_resolution name: (constant) @name)]) @definition.class
(method name: (_) @name) @definition.function
(singleton_method name: (_) @name) @definition.function
(alias name: (_) @name) @definition.function
(assignment left: (constant) @name) @definition.constant
(call method: (identifier) @call arguments: (argument_list (simple_symbol) @name) (#any-of? @call "attr_reader" "attr_writer" "attr_accessor" "define_method" "delegate" "def_delegators" "def_delegator" "alias_method")) @definition.attribute
