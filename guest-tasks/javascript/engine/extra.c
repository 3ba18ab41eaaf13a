/* Added to the end of quickjs.c: what the guest needs of the engine and its API lacks. */

/* Starts what a snapshot must not freeze: random numbers and the clock of `performance`. */
void sandpool_start(JSContext *ctx, uint64_t seed)
{
    ctx->random_state = seed ? seed : 1;
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

int sandpool_is_json(JSContext *ctx, JSValueConst value, int levels)
{
    /* `JSON.stringify` itself uses an array, which setters of its prototype would see. */
    return ctx->std_array_prototype && sandpool_is_json_at(ctx, value, levels);
}
