(struct_item name: (type_identifier) @name) @definition.class
(union_item name: (type_identifier) @name) @definition.class
(enum_item name: (type_identifier) @name) @definition.class
(trait_item name: (type_identifier) @name) @definition.class
(type_item name: (type_identifier) @name) @definition.class
(mod_item name: (identifier) @name) @definition.module
(impl_item type: [(type_identifier) @name (generic_type type: (type_identifier) @name) (reference_type type: (type_identifier) @name)]) @container
(function_item name: (identifier) @name) @definition.function
(function_signature_item name: (identifier) @name) @definition.function
(macro_definition name: (identifier) @name) @definition.function
(enum_variant name: (identifier) @name) @definition.attribute
(field_declaration name: (field_identifier) @name) @definition.attribute
(const_item name: (identifier) @name) @definition.constant
(static_item name: (identifier) @name) @definition.constant
(associated_type name: (type_identifier) @name) @definition.class
