/* Added to the end of quickjs.c: what the guest needs of the engine and its API lacks. */

/* Starts what a snapshot must not freeze. */
void sandpool_start(uint64_t seed)
{
    sandpool_random_state = seed ? seed : 1;
    /* No map has a key yet. */
    sandpool_hash_seed = xorshift64star(&sandpool_random_state);
}

/* Removes a name that was declared by `let`, `const` or `class` outside all functions. */
void sandpool_forget(JSContext *ctx, const char *name)
{
    JSAtom atom = JS_NewAtom(ctx, name);
    if (atom != JS_ATOM_NULL) {
        delete_property(ctx, JS_VALUE_GET_OBJ(ctx->global_var_obj), atom);
        JS_FreeAtom(ctx, atom);
    }
}

/* The properties of the global object before the first snippet. */
static JSPropertyEnum *sandpool_first_names;
static uint32_t sandpool_first_name_count;

/* Remembers the names that `sandpool_forget_names` is to leave. Returns -1 if there is no
   memory. */
int sandpool_keep_names(JSContext *ctx)
{
    return JS_GetOwnPropertyNames(ctx, &sandpool_first_names, &sandpool_first_name_count,
                                  ctx->global_obj, JS_GPN_STRING_MASK | JS_GPN_SYMBOL_MASK);
}

static bool sandpool_is_first_name(JSAtom atom, uint32_t *next)
{
    uint32_t i;
    /* Most are in the order in which they were. */
    if (*next < sandpool_first_name_count && sandpool_first_names[*next].atom == atom) {
        ++*next;
        return true;
    }
    for (i = 0; i < sandpool_first_name_count; i++) {
        if (sandpool_first_names[i].atom == atom) {
            *next = i + 1;
            return true;
        }
    }
    return false;
}

static int sandpool_forget_names_of(JSContext *ctx, JSValueConst object, bool all)
{
    JSPropertyEnum *names;
    uint32_t i, count, next = 0;
    int result = 0;
    JSObject *p = JS_VALUE_GET_OBJ(object);
    if (JS_GetOwnPropertyNames(ctx, &names, &count, object,
                               JS_GPN_STRING_MASK | JS_GPN_SYMBOL_MASK))
        return -1;
    for (i = 0; i < count && result == 0; i++) {
        JSShapeProperty *property;
        if (!all && sandpool_is_first_name(names[i].atom, &next))
            continue;
        property = find_own_property1(p, names[i].atom);
        /* What `var` and `function` declare cannot be deleted by the language's means. */
        if (property && !(property->flags & JS_PROP_CONFIGURABLE)) {
            result = js_shape_prepare_update(ctx, p, &property);
            if (result == 0)
                property->flags |= JS_PROP_CONFIGURABLE;
        }
        if (result == 0 && delete_property(ctx, p, names[i].atom) < 0)
            result = -1;
    }
    JS_FreePropertyEnum(ctx, names, count);
    return result;
}

/* Removes all names that were declared outside of functions, and all properties of the
   global object that snippets have added. Returns -1 if there is no memory. */
int sandpool_forget_names(JSContext *ctx)
{
    if (sandpool_forget_names_of(ctx, ctx->global_var_obj, true))
        return -1;
    return sandpool_forget_names_of(ctx, ctx->global_obj, false);
}

/* Returns whether memory ran out since the last time that this was asked. */
int sandpool_out_of_memory(void)
{
    int yes = sandpool_ran_out_of_memory;
    sandpool_ran_out_of_memory = 0;
    return yes;
}

static bool sandpool_number_is_json(JSValueConst value)
{
    double number;
    if (JS_VALUE_GET_NORM_TAG(value) == JS_TAG_INT)
        return true;
    number = JS_VALUE_GET_FLOAT64(value);
    return isfinite(number) && !(number == 0 && signbit(number));
}

/* Returns whether JSON has a form for the value that is the value's own, so that
   `JSON.stringify` writes it: null, booleans, strings, finite numbers but -0, arrays
   without holes, and objects of properties whose names do not begin with `$`. */
static bool sandpool_is_json_at(JSContext *ctx, JSValueConst value, int levels)
{
    JSObject *p;
    uint32_t i;
    switch (JS_VALUE_GET_NORM_TAG(value)) {
    case JS_TAG_NULL:
    case JS_TAG_BOOL:
    case JS_TAG_STRING:
    case JS_TAG_STRING_ROPE:
        return true;
    case JS_TAG_INT:
    case JS_TAG_FLOAT64:
        return sandpool_number_is_json(value);
    case JS_TAG_OBJECT:
        break;
    default:
        return false;
    }
    if (levels == 0)
        return false;
    p = JS_VALUE_GET_OBJ(value);
    if (p->class_id == JS_CLASS_ARRAY) {
        JSValue length;
        if (!p->fast_array || p->shape->proto != JS_VALUE_GET_OBJ(ctx->class_proto[JS_CLASS_ARRAY]))
            return false;
        /* no properties but `length`, which equals the number of elements */
        if (p->shape->prop_count != 1)
            return false;
        length = p->prop[0].u.value;
        if (JS_VALUE_GET_NORM_TAG(length) != JS_TAG_INT ||
            (uint32_t)JS_VALUE_GET_INT(length) != p->u.array.count)
            return false;
        for (i = 0; i < p->u.array.count; i++) {
            if (!sandpool_is_json_at(ctx, p->u.array.u.values[i], levels - 1))
                return false;
        }
        return true;
    }
    if (p->class_id != JS_CLASS_OBJECT || p->is_exotic ||
        (p->shape->proto && p->shape->proto != JS_VALUE_GET_OBJ(ctx->class_proto[JS_CLASS_OBJECT])))
        return false;
    for (i = 0; i < p->shape->prop_count; i++) {
        JSShapeProperty *property = &get_shape_prop(p->shape)[i];
        JSAtomStruct *name;
        if (property->atom == JS_ATOM_NULL)
            continue;
        if ((property->flags & JS_PROP_TMASK) != JS_PROP_NORMAL ||
            !(property->flags & JS_PROP_ENUMERABLE))
            return false;
        if (!__JS_AtomIsTaggedInt(property->atom)) {
            name = ctx->rt->atom_array[property->atom];
            if (name->atom_type != JS_ATOM_TYPE_STRING)
                return false;
            if (name->len > 0 && string_get(name, 0) == '$')
                return false;
        }
        if (!sandpool_is_json_at(ctx, p->prop[i].u.value, levels - 1))
            return false;
    }
    return true;
}

static bool sandpool_has_own(JSValueConst object, JSAtom name)
{
    return find_own_property1(JS_VALUE_GET_OBJ(object), name) != NULL;
}

int sandpool_is_json(JSContext *ctx, JSValueConst value, int levels)
{
    if (!sandpool_is_json_at(ctx, value, levels))
        return 0;
    if (JS_VALUE_GET_NORM_TAG(value) != JS_TAG_OBJECT)
        return 1;
    /* `JSON.stringify` itself uses an array, which setters of its prototype would see, and
       calls `toJSON`. */
    return ctx->std_array_prototype &&
        !sandpool_has_own(ctx->class_proto[JS_CLASS_OBJECT], JS_ATOM_toJSON) &&
        !sandpool_has_own(ctx->class_proto[JS_CLASS_ARRAY], JS_ATOM_toJSON);
}

/* What follows keeps the writes of a short snippet together: a fresh instance begins with a
   snapshot, and each page that it writes to costs a page fault. So, when the interpreter is
   ready, all that it has becomes old, for good: no reference to it is counted, and what a
   snippet allocates lies behind it, in arenas that are small at first. */

/* The bytes that are allocated before cycles are looked for the first time, which writes to
   every object. */
#define SANDPOOL_FIRST_GC (4 << 20)

/* A number of references that no object loses. */
#define SANDPOOL_OLD_COUNT (1 << 29)

/* The bytes of the next arena of each size; 0 stands for the engine's own. */
static uint16_t sandpool_arena_size[JS_ARENA_BLOCK_SIZE_COUNT];

static int sandpool_arena_blocks(int block_size_idx, int block_size)
{
    uint16_t *next = &sandpool_arena_size[block_size_idx];
    int size = *next ? *next : JS_ARENA_SIZE;
    int blocks = (size - (int)sizeof(JSArena)) / block_size;
    if (*next)
        *next = size < JS_ARENA_SIZE / 2 ? size * 2 : 0;
    return blocks > 0 ? blocks : 1;
}

/* Allocates all free memory below the heap's end, for good. Returns that end. */
static char *sandpool_close_holes(void)
{
    /* No hole is as large as this, which stays behind as room that is there at once. */
    size_t size = 1 << 20;
    /* Where a page begins, so that the first allocations take as few as can be. */
    char *end = aligned_alloc(4096, size);
    if (!end)
        return NULL;
    while (size >= 8) {
        char *hole = malloc(size);
        if (hole && hole < end)
            continue;
        free(hole);
        size = size > 256 ? size / 2 : size - 8;
    }
    free(end);
    return end;
}

/* Copies a block to the heap's end. */
static void *sandpool_copied(JSRuntime *rt, const void *block, size_t size)
{
    void *copy = js_malloc_rt(rt, size);
    return copy ? memcpy(copy, block, size) : (void *)block;
}

static void sandpool_forget_arenas(JSRuntime *rt, int next_size)
{
    int i;
    for (i = 0; i < JS_ARENA_BLOCK_SIZE_COUNT; i++) {
        init_list_head(&rt->arena_state.arena_list[i]);
        init_list_head(&rt->arena_state.free_arena_list[i]);
        sandpool_arena_size[i] = next_size;
    }
}

/* Makes all that there is old. */
void sandpool_seal(JSContext *ctx)
{
    JSRuntime *rt = ctx->rt;
    struct list_head *el;
    JSAtom free_atom = 0;
    int i;

    if (sandpool_old_end)
        return;
    JS_RunGC(rt);
    sandpool_close_holes();
    sandpool_forget_arenas(rt, 256);
    /* What every snippet reads lies together: the name of its file, and the tables of atoms
       and shapes, whose first copies are never used again. */
    JS_NewAtom(ctx, "<snippet>");
    rt->atom_hash = sandpool_copied(rt, rt->atom_hash,
                                    sizeof(rt->atom_hash[0]) * rt->atom_hash_size);
    rt->atom_array = sandpool_copied(rt, rt->atom_array,
                                     sizeof(rt->atom_array[0]) * rt->atom_size);
    rt->shape_hash = sandpool_copied(rt, rt->shape_hash,
                                     sizeof(rt->shape_hash[0]) * rt->shape_hash_size);
    /* New atoms get the numbers at the end of the table, in a row. */
    for (i = rt->atom_size - 1; i > 0 && atom_is_free(rt->atom_array[i]); i--) {
        rt->atom_array[i] = atom_set_free(free_atom);
        free_atom = i;
    }
    rt->atom_free_index = free_atom;
    /* The search for cycles counts all references, also those that nobody else does. */
    list_for_each(el, &rt->gc_obj_list) {
        JSGCObjectHeader *p = list_entry(el, JSGCObjectHeader, link);
        if (JS_GC_TYPE(p) != JS_GC_OBJ_TYPE_SHAPE || ((JSShape *)p)->is_hashed)
            JS_REF_COUNT(p) += SANDPOOL_OLD_COUNT;
    }
    sandpool_forget_arenas(rt, 256);
    sandpool_old_end = (uintptr_t)sandpool_close_holes();
    rt->malloc_gc_threshold = rt->malloc_state.malloc_size + SANDPOOL_FIRST_GC;
    /* The list of objects goes on behind the last one. */
    JS_NewObject(ctx);
}
