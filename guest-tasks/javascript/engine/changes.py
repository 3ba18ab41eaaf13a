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
    (
        # `{...text}` has the text's characters.
        "spreading a string",
        """    if (JS_VALUE_GET_TAG(source) != JS_TAG_OBJECT)
        return 0;

    if (JS_VALUE_GET_TAG(excluded) == JS_TAG_OBJECT)
        pexcl = JS_VALUE_GET_OBJ(excluded);
""",
        """    if (JS_IsString(source)) {
        JSValue object = JS_ToObject(ctx, source);
        if (JS_IsException(object))
            return -1;
        ret = JS_CopyDataProperties(ctx, target, object, excluded, setprop);
        JS_FreeValue(ctx, object);
        return ret;
    }
    if (JS_VALUE_GET_TAG(source) != JS_TAG_OBJECT)
        return 0;

    if (JS_VALUE_GET_TAG(excluded) == JS_TAG_OBJECT)
        pexcl = JS_VALUE_GET_OBJ(excluded);
""",
    ),
    (
        # WASI has a stack that ends as well.
        "the limit of the stack",
        """#if defined(__wasi__)
    rt->stack_limit = 0; /* no limit */
#else
    if (rt->stack_size == 0) {
""",
        """#if false
#else
    if (rt->stack_size == 0) {
""",
    ),
    # From here on: `shift`, `unshift` and `splice` move the shorter part of an array, and an
    # array keeps the room that they leave at its beginning, so that queues of 100,000
    # elements take linear time.
    (
        "room at the beginning of an array",
        """            uint32_t count; /* <= 2^31-1. 0 for a detached typed array */
        } array;    /* 12/20 bytes */
""",
        """            uint32_t count; /* <= 2^31-1. 0 for a detached typed array */
            uint32_t gone; /* JS_CLASS_ARRAY: number of unused values before the first one */
        } array;    /* 16/24 bytes */
""",
    ),
    (
        "room at the beginning of an array, none at first",
        """            p->u.array.u.values = NULL;
            p->u.array.count = 0;
            p->u.array.u1.size = 0;
            if (!props) {
""",
        """            p->u.array.u.values = NULL;
            p->u.array.count = 0;
            p->u.array.gone = 0;
            p->u.array.u1.size = 0;
            if (!props) {
""",
    ),
    (
        "room at the beginning of an array, given back",
        """        JS_FreeValueRT(rt, p->u.array.u.values[i]);
    }
    js_free_rt(rt, p->u.array.u.values);
}
""",
        """        JS_FreeValueRT(rt, p->u.array.u.values[i]);
    }
    if (p->class_id == JS_CLASS_ARRAY && p->u.array.u.values)
        js_free_rt(rt, p->u.array.u.values - p->u.array.gone);
    else
        js_free_rt(rt, p->u.array.u.values);
}
""",
    ),
    (
        "room at the beginning of an array, given back by a slow one",
        """    js_free(ctx, p->u.array.u.values);
    p->u.array.count = 0;
    p->u.array.u.values = NULL; /* fail safe */
""",
        """    if (p->class_id == JS_CLASS_ARRAY && p->u.array.u.values) {
        js_free(ctx, p->u.array.u.values - p->u.array.gone);
        p->u.array.gone = 0;
    } else {
        js_free(ctx, p->u.array.u.values);
    }
    p->u.array.count = 0;
    p->u.array.u.values = NULL; /* fail safe */
""",
    ),
    (
        "room at the beginning of an array, kept or used when it grows",
        """    new_size = max_uint32(new_len, new_size);
    new_array_prop = js_realloc(ctx, p->u.array.u.values, sizeof(JSValue) * new_size);
    if (!new_array_prop)
        return -1;
    p->u.array.u.values = new_array_prop;
    p->u.array.u1.size = new_size;
    return 0;
}
""",
        """    new_size = max_uint32(new_len, new_size);
    if (p->u.array.gone > p->u.array.count / 2 &&
        new_len <= old_size + p->u.array.gone) {
        JSValue *base = p->u.array.u.values - p->u.array.gone;
        memmove(base, p->u.array.u.values, p->u.array.count * sizeof(*base));
        p->u.array.u.values = base;
        p->u.array.u1.size = old_size + p->u.array.gone;
        p->u.array.gone = 0;
        return 0;
    }
    if (new_size > SANDPOOL_MAX_ELEMENTS - p->u.array.gone) {
        JS_ThrowOutOfMemory(ctx);
        return -1;
    }
    new_array_prop = p->u.array.u.values;
    if (new_array_prop)
        new_array_prop -= p->u.array.gone;
    new_array_prop = js_realloc(ctx, new_array_prop,
                                sizeof(JSValue) * (p->u.array.gone + new_size));
    if (!new_array_prop)
        return -1;
    p->u.array.u.values = new_array_prop + p->u.array.gone;
    p->u.array.u1.size = new_size;
    return 0;
}

/* Returns the array if it is an ordinary one: fast, without holes, open to changes. */
static JSObject *sandpool_ordinary_array(JSContext *ctx, JSValue obj, int64_t len)
{
    JSObject *p;
    if (JS_VALUE_GET_TAG(obj) != JS_TAG_OBJECT)
        return NULL;
    p = JS_VALUE_GET_OBJ(obj);
    if (p->class_id != JS_CLASS_ARRAY || !p->fast_array || !p->extensible ||
        p->u.array.count != len ||
        p->shape->proto != JS_VALUE_GET_OBJ(ctx->class_proto[JS_CLASS_ARRAY]) ||
        !ctx->std_array_prototype ||
        JS_VALUE_GET_TAG(p->prop[0].u.value) != JS_TAG_INT ||
        JS_VALUE_GET_INT(p->prop[0].u.value) != len ||
        !(get_shape_prop(p->shape)->flags & JS_PROP_WRITABLE))
        return NULL;
    return p;
}

/* Removes `del` elements at `start` of an ordinary array, and makes room there for `add`
   elements, which the caller has to fill. Returns -1, with nothing done, if there is no
   memory. Does not touch `length`. */
static int sandpool_array_replace(JSContext *ctx, JSObject *p, uint32_t start,
                                  uint32_t del, uint32_t add)
{
    uint32_t count = p->u.array.count, tail = count - start - del, i, d;
    bool front = start < tail;
    JSValue *values;

    if (add > del) {
        d = add - del;
        if (d > SANDPOOL_MAX_ELEMENTS - count) {
            JS_ThrowOutOfMemory(ctx);
            return -1;
        }
        if (front && p->u.array.gone < d && count > 32) {
            uint32_t gone = d + count / 2, size = count + 1;
            JSValue *base;
            if (gone > SANDPOOL_MAX_ELEMENTS - size) {
                JS_ThrowOutOfMemory(ctx);
                return -1;
            }
            base = js_malloc(ctx, sizeof(*base) * ((size_t)gone + size));
            if (!base)
                return -1;
            memcpy(base + gone, p->u.array.u.values, sizeof(*base) * count);
            js_free(ctx, p->u.array.u.values - p->u.array.gone);
            p->u.array.u.values = base + gone;
            p->u.array.gone = gone;
            p->u.array.u1.size = size;
        }
        front = front && p->u.array.gone >= d;
        if (!front && count + d > p->u.array.u1.size &&
            expand_fast_array(ctx, p, count + d))
            return -1;
    }
    values = p->u.array.u.values;
    for (i = 0; i < del; i++)
        JS_FreeValue(ctx, values[start + i]);
    if (add > del) {
        d = add - del;
        if (front) {
            memmove(values - d, values, sizeof(*values) * start);
            p->u.array.u.values -= d;
            p->u.array.gone -= d;
            p->u.array.u1.size += d;
        } else {
            memmove(values + start + add, values + start + del, sizeof(*values) * tail);
        }
        p->u.array.count = count + d;
    } else if (add < del) {
        d = del - add;
        if (front) {
            memmove(values + d, values, sizeof(*values) * start);
            p->u.array.u.values += d;
            p->u.array.gone += d;
            p->u.array.u1.size -= d;
        } else {
            memmove(values + start + add, values + start + del, sizeof(*values) * tail);
        }
        p->u.array.count = count - d;
    }
    return 0;
}
""",
    ),
    (
        "room at the beginning of an array, how many elements there may be",
        """/* return -1 if exception */
static int expand_fast_array(JSContext *ctx, JSObject *p, uint32_t new_len)
{
""",
        """/* What 32 bits can tell of in bytes; and no sum of two overflows. */
#define SANDPOOL_MAX_ELEMENTS 0x0fffffffu

/* return -1 if exception */
static int expand_fast_array(JSContext *ctx, JSObject *p, uint32_t new_len)
{
""",
    ),
    (
        "shift",
        """                res = arrp[0];
                memmove(arrp, arrp + 1, (count32 - 1) * sizeof(*arrp));
                p->u.array.count--;
""",
        """                if (p->class_id == JS_CLASS_ARRAY) {
                    res = js_dup(arrp[0]);
                    sandpool_array_replace(ctx, p, 0, 1, 0);
                } else {
                    res = arrp[0];
                    memmove(arrp, arrp + 1, (count32 - 1) * sizeof(*arrp));
                    p->u.array.count--;
                }
""",
    ),
    (
        "unshift",
        """    if (unshift && argc > 0) {
        if (JS_CopySubArray(ctx, obj, argc, 0, len, -1))
            goto exception;
""",
        """    if (unshift && argc > 0) {
        JSObject *p = sandpool_ordinary_array(ctx, obj, len);
        if (p) {
            if (sandpool_array_replace(ctx, p, 0, 0, argc))
                goto exception;
            for(i = 0; i < argc; i++)
                p->u.array.u.values[i] = js_dup(argv[i]);
            p->prop[0].u.value = js_int32(p->u.array.count);
            JS_FreeValue(ctx, obj);
            return js_int64(newLen);
        }
        if (JS_CopySubArray(ctx, obj, argc, 0, len, -1))
            goto exception;
""",
    ),
    (
        "splice",
        """        new_len = len + item_count - del_count;
        if (item_count != del_count) {
            if (JS_CopySubArray(ctx, obj, start + item_count,
""",
        """        JSObject *p = sandpool_ordinary_array(ctx, obj, len);
        new_len = len + item_count - del_count;
        if (p) {
            if (sandpool_array_replace(ctx, p, start, del_count, item_count))
                goto exception;
            for (i = 0; i < item_count; i++)
                p->u.array.u.values[start + i] = js_dup(argv[i + 2]);
            p->prop[0].u.value = js_int32(p->u.array.count);
            JS_FreeValue(ctx, obj);
            return arr;
        }
        if (item_count != del_count) {
            if (JS_CopySubArray(ctx, obj, start + item_count,
""",
    ),
]

# Memory that is there when the snapshot is taken is old: it stays for good, and nobody counts the
# references to it, since each page that is written to costs a fresh instance a page fault.
# `extra.c` says how that begins.
CHANGES += [
    (
        "old memory",
        """#define JS_GC_MARK(p)   (js_rc(p)->mark)
""",
        """#define JS_GC_MARK(p)   (js_rc(p)->mark)

/* The end of the old memory; null while there is none. */
static uintptr_t sandpool_old_end;

/* Fields of the one context, which is old, that every snippet writes to. */
static uint64_t sandpool_random_state;
static uint32_t sandpool_hash_seed;
static int sandpool_interrupt_counter;

static inline bool sandpool_is_old(const void *p) {
    return (uintptr_t)p < sandpool_old_end;
}
static inline void sandpool_retain(void *p) {
    if (!sandpool_is_old(p))
        JS_REF_COUNT(p) += 1;
}
/* Returns the number of references that are left. */
static inline int sandpool_release(void *p) {
    return sandpool_is_old(p) ? 1 : (JS_REF_COUNT(p) -= 1);
}
""",
    ),
    (
        "strings that others refer to as well, ropes",
        "if (JS_REF_COUNT(r) > 1) {",
        "if (sandpool_is_old(r) || JS_REF_COUNT(r) > 1) {",
    ),
    (
        "strings that others refer to as well",
        "if (JS_REF_COUNT(p1) == 1 && p1->is_wide_char",
        "if (!sandpool_is_old(p1) && JS_REF_COUNT(p1) == 1 && p1->is_wide_char",
    ),
    (
        # A shape that is not hashed has one owner, which changes it in its place.
        "references to shapes",
        """static JSShape *js_dup_shape(JSShape *sh)
{
    JS_REF_COUNT(sh)++;
""",
        """static JSShape *js_dup_shape(JSShape *sh)
{
    if (!sandpool_is_old(sh) || !sh->is_hashed)
        JS_REF_COUNT(sh) += 1;
""",
    ),
    (
        "references to shapes, given back",
        """    if (unlikely(--JS_REF_COUNT(sh) <= 0)) {
        js_free_shape0(rt, sh);
""",
        """    if (sandpool_is_old(sh) && sh->is_hashed)
        return;
    if (unlikely((JS_REF_COUNT(sh) -= 1) <= 0)) {
        js_free_shape0(rt, sh);
""",
    ),
    (
        "the search for cycles counts references to everything",
        """    assert(JS_REF_COUNT(p) > 0);
    JS_REF_COUNT(p)--;
""",
        """    assert(JS_REF_COUNT(p) > 0);
    JS_REF_COUNT(p) -= 1;
""",
    ),
    (
        "the search for cycles counts references to what it keeps",
        """{
    JS_REF_COUNT(p)++;
    if (JS_REF_COUNT(p) == 1) {
""",
        """{
    JS_REF_COUNT(p) += 1;
    if (JS_REF_COUNT(p) == 1) {
""",
    ),
    (
        "the search for cycles counts references to what it deletes",
        """static void gc_scan_incref_child2(JSRuntime *rt, JSGCObjectHeader *p)
{
    JS_REF_COUNT(p)++;
""",
        """static void gc_scan_incref_child2(JSRuntime *rt, JSGCObjectHeader *p)
{
    JS_REF_COUNT(p) += 1;
""",
    ),
    (
        "old blocks are not given back",
        """    if (!ptr)
        return;
    b = container_of(ptr, JSMallocBlockHeader, user_data);
""",
        """    if (!ptr || sandpool_is_old(ptr))
        return;
    b = container_of(ptr, JSMallocBlockHeader, user_data);
""",
    ),
    (
        "new memory is not old",
        """static void *js_def_malloc(void *opaque, size_t size)
{
    return malloc(size);
}
""",
        """static void *js_def_malloc(void *opaque, size_t size)
{
    void *p;
    do
        p = malloc(size);
    while (p && sandpool_is_old(p));
    return p;
}
""",
    ),
    (
        "new memory is not old, if it is to be zero",
        """    return calloc(count, size);
}
""",
        """    void *p;
    do
        p = calloc(count, size);
    while (p && sandpool_is_old(p));
    return p;
}
""",
    ),
    (
        "new memory is not old, if it is to be larger",
        """static void *js_def_realloc(void *opaque, void *ptr, size_t size)
{
    return realloc(ptr, size);
}
""",
        """static void *js_def_realloc(void *opaque, void *ptr, size_t size)
{
    size_t old_size;
    void *p;
    if (!sandpool_is_old(ptr)) {
        p = realloc(ptr, size);
        if (!p || !sandpool_is_old(p))
            return p;
        ptr = p;
    }
    old_size = malloc_usable_size(ptr);
    p = js_def_malloc(opaque, size);
    if (p)
        memcpy(p, ptr, old_size < size ? old_size : size);
    return p;
}
""",
    ),
    (
        # ... nor is old memory written to for nothing.
        "the trace of the last error",
        """    if (!rt->current_stack_frame) {
        JS_FreeValueRT(rt, ctx->error_back_trace);
""",
        """    if (!rt->current_stack_frame && !JS_IsUndefined(ctx->error_back_trace)) {
        JS_FreeValueRT(rt, ctx->error_back_trace);
""",
    ),
    (
        # A few objects of each size are on few pages.
        "the size of an arena",
        """    n_blocks = (JS_ARENA_SIZE - sizeof(JSArena)) / block_size;
""",
        """    n_blocks = sandpool_arena_blocks(block_size_idx, block_size);
""",
    ),
    (
        "the size of an arena, the function",
        """static no_inline JSArena *arena_new(JSRuntime *rt, int block_size_idx)
{
""",
        """static int sandpool_arena_blocks(int block_size_idx, int block_size);

static no_inline JSArena *arena_new(JSRuntime *rt, int block_size_idx)
{
""",
    ),
]

# Places where a reference is counted, after the changes above, and those of the fields that
# the context has no more: the pattern, what stands there instead, the number of places.
PATTERNS = [
    (r"\bJS_REF_COUNT\(([^()]+)\)\+\+", r"sandpool_retain(\1)", 16),
    (r"--JS_REF_COUNT\(([^()]+)\)", r"sandpool_release(\1)", 6),
    (r"\bJS_REF_COUNT\(([^()]+)\)--", r"sandpool_release(\1)", 1),
    (r"\bctx->(random_state|hash_seed|interrupt_counter)\b", r"sandpool_\1", 9),
]

# The engine can measure the stack of linear memory only. Where a function that recurses
# takes much of the wasm stack and hardly any of that one, it gets so many bytes of it that
# their ratio is as everywhere (`src/stack.rs`): the signature, the bytes.
FRAMES = [
    ("""static __exception int js_parse_unary(JSParseState *s, int parse_flags)""", 64),
    ("""static __exception int js_parse_postfix_expr(JSParseState *s, int parse_flags)""", 400),
    ("""static __exception int js_parse_assign_expr2(JSParseState *s, int parse_flags)""", 128),
    ("""static JSValue json_parse_value(JSParseState *s, JSONParseRecord *pr)""", 64),
    ("""static int js_json_to_str(JSContext *ctx, JSONStringifyContext *jsc,
                          JSValueConst holder, JSValue val,
                          JSValueConst indent)""", 96),
    ("""static int64_t JS_FlattenIntoArray(JSContext *ctx, JSValueConst target,
                                   JSValueConst source, int64_t sourceLen,
                                   int64_t targetIndex, int depth,
                                   JSValueConst mapperFunction,
                                   JSValueConst thisArg)""", 64),
    ("""static int js_proxy_has(JSContext *ctx, JSValueConst obj, JSAtom atom)""", 96),
    ("""static int js_proxy_get_own_property_names(JSContext *ctx,
                                           JSPropertyEnum **ptab,
                                           uint32_t *plen,
                                           JSValueConst obj)""", 208),
    ("""static int js_proxy_delete_property(JSContext *ctx, JSValueConst obj,
                                    JSAtom atom)""", 96),
    ("""static int js_proxy_define_own_property(JSContext *ctx, JSValueConst obj,
                                        JSAtom prop, JSValueConst val,
                                        JSValueConst getter,
                                        JSValueConst setter, int flags)""", 160),
    ("""static int js_proxy_setPrototypeOf(JSContext *ctx, JSValueConst obj,
                                   JSValueConst proto_val, bool throw_flag)""", 96),
    ("""static JSValue js_proxy_getPrototypeOf(JSContext *ctx, JSValueConst obj)""", 64),
    ("""static JSValue js_call_bound_function(JSContext *ctx, JSValueConst func_obj,
                                      JSValueConst this_obj,
                                      int argc, JSValueConst *argv, int flags)""", 192),
    ("""static JSValue js_proxy_get(JSContext *ctx, JSValueConst obj, JSAtom atom,
                            JSValueConst receiver)""", 96),
    ("""int JS_IsInstanceOf(JSContext *ctx, JSValueConst val, JSValueConst obj)""", 256),
    ("""static JSValue js_proxy_call(JSContext *ctx, JSValueConst func_obj,
                             JSValueConst this_obj,
                             int argc, JSValueConst *argv, int flags)""", 128),
]

for signature, size in FRAMES:
    CHANGES.append((
        f"the frame of `{signature.splitlines()[0]}`",
        f"{signature}\n{{\n",
        f"{signature}\n{{\n    SANDPOOL_FRAME({size});\n",
    ))

CHANGES.append((
    # The engine calls it directly, past its own check.
    "the frame of an iterator's helper",
    """static JSValue js_iterator_helper_next(JSContext *ctx, JSValueConst this_val,
                                      int argc, JSValueConst *argv,
                                      int *pdone, int magic)
{
""",
    """static JSValue js_iterator_helper_next(JSContext *ctx, JSValueConst this_val,
                                      int argc, JSValueConst *argv,
                                      int *pdone, int magic)
{
    SANDPOOL_FRAME(208);
    if (js_check_stack_overflow(ctx->rt, 0))
        return JS_ThrowStackOverflow(ctx);
""",
))

# `libregexp.c` has one such function.
REGEXP_CHANGES = [(
    "the frame of a class in a class",
    """static int re_parse_nested_class(REParseState *s, REStringList *cr, const uint8_t **pp)
{
""",
    """static int re_parse_nested_class(REParseState *s, REStringList *cr, const uint8_t **pp)
{
    SANDPOOL_FRAME(128);
""",
)]
