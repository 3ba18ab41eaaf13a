//! Compares a closure's types with those of a module's function, and chooses the types by
//! which its arguments are read.

use sandpool_value::{Function, Param, Type, may_fit};

/// Returns `true` if a closure of these types may be called as the module's function.
pub(super) fn fits(params: &[Type], result: &Type, wanted: &Function) -> bool {
    let all = params.iter().zip(&wanted.params);
    params.len() == wanted.params.len()
        && { all }.all(|(given, wanted)| may_fit(given, &wanted.ty))
        && result_fits(result, wanted.result.as_ref())
}

/// A closure's `Result` is WIT's where the function returns one; elsewhere only its `Ok` is.
fn result_fits(given: &Type, wanted: Option<&Type>) -> bool {
    match (given, wanted) {
        (Type::Unsupported(_), _) => true,
        (Type::Result { .. }, Some(wanted @ Type::Result { .. })) => may_fit(given, wanted),
        (Type::Result { ok, .. }, wanted) => match (ok.as_deref(), wanted) {
            (None, None) => true,
            (Some(ok), wanted) => result_fits(ok, wanted),
            _ => false,
        },
        // A closure that cannot fail may be a function that can.
        (given, Some(Type::Result { ok, .. })) => result_fits(given, ok.as_deref()),
        (given, None) => shown_result(given).is_none(),
        (given, Some(wanted)) => may_fit(given, wanted),
    }
}

/// Returns the result as a signature shows it: `()` is none.
pub(super) fn shown_result(result: &Type) -> Option<&Type> {
    match result {
        Type::Tuple(parts) if parts.is_empty() => None,
        other => Some(other),
    }
}

/// Returns the types by which the arguments of a closure are decoded: those of the module's
/// function, but the bits of a core module's integer, which have no sign of their own, are
/// unsigned where the closure takes them so.
pub(super) fn decoded(given: &[Type], wanted: &[Param]) -> Vec<Type> {
    let both = given.iter().zip(wanted);
    both.map(|(given, wanted)| match (given, &wanted.ty) {
        (Type::U32, Type::I32) | (Type::U64, Type::I64) => given.clone(),
        (_, wanted) => wanted.clone(),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_of_a_core_module_are_unsigned_where_the_closure_takes_them_so() {
        let param = |ty| Param {
            name: "p".into(),
            ty,
        };
        let wanted = [Type::I32, Type::I32, Type::I64, Type::I64, Type::F64].map(param);
        let given = [Type::U32, Type::S32, Type::U64, Type::S64, Type::F64];
        let read = [Type::U32, Type::I32, Type::U64, Type::I64, Type::F64];
        assert_eq!(decoded(&given, &wanted), read);
        let unknown = vec![Type::Unsupported("Value".into()); 5];
        let types = wanted.each_ref().map(|param| param.ty.clone());
        assert_eq!(decoded(&unknown, &wanted), types);
    }
}
