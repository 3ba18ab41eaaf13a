"""The places of `quickjs.c` (QuickJS-ng 0.16.2) that are changed: name, before, after,
and the number of places where it is not one."""

CHANGES = [
    (
        # A snippet may end with `return` at its outermost level.
        "return at the top level",
        """    case TOK_RETURN:
        if (s->cur_func->is_eval) {
""",
        """    case TOK_RETURN:
        if (s->cur_func->is_eval &&
            !(s->cur_func->func_kind == JS_FUNC_ASYNC && !s->is_module)) {
""",
    ),
    (
        # A session may declare a name again, as in the prompt of a browser.
        "declaring a name again",
        """    prs = find_own_property1(p, prop);
    if (prs) {
    fail_redeclaration:
        JS_ThrowSyntaxErrorVarRedeclaration(ctx, prop);
        return -1;
    }
    return 0;
}
""",
        """    prs = find_own_property1(p, prop);
    if (prs)
        return delete_property(ctx, p, prop) < 0 ? -1 : 0;
    return 0;
 fail_redeclaration:
    JS_ThrowSyntaxErrorVarRedeclaration(ctx, prop);
    return -1;
}
""",
    ),
    (
        # ... also one that was declared by `var` or `function`.
        "declaring a name again, of a variable",
        """    if (flags & DEFINE_GLOBAL_LEX_VAR) {
        if (prs && !(prs->flags & JS_PROP_CONFIGURABLE))
""",
        """    if (flags & DEFINE_GLOBAL_LEX_VAR) {
        if (prs && !(prs->flags & (JS_PROP_CONFIGURABLE | JS_PROP_WRITABLE)))
""",
    ),
    (
        # The end of memory is told apart from an error that a snippet made up.
        "out of memory is remembered",
        """    if (!rt->in_out_of_memory) {
        rt->in_out_of_memory = true;
""",
        """    sandpool_ran_out_of_memory = 1;
    if (!rt->in_out_of_memory) {
        rt->in_out_of_memory = true;
""",
    ),
    (
        "out of memory is remembered, the variable",
        """JSValue JS_ThrowOutOfMemory(JSContext *ctx)
{
""",
        """static int sandpool_ran_out_of_memory;

JSValue JS_ThrowOutOfMemory(JSContext *ctx)
{
""",
    ),
    (
        # The value of a snippet is the promise's own, as it is with `return`; so a promise
        # is awaited.
        "the value of a script that may await",
        """            if (fd->func_kind == JS_FUNC_ASYNC) {
                emit_op(s, OP_object);
                emit_op(s, OP_dup);
""",
        """            if (false) {
                emit_op(s, OP_object);
                emit_op(s, OP_dup);
""",
        2,
    ),
]
