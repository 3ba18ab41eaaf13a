//! Arguments that all tasks of a map or a stream have in common: checked and encoded once.
//!
//! The longest of them, if it is long, is not even copied to the other arguments of a task
//! before the task is sent: a file of megabytes that thousands of tasks are called with is
//! held once.

use sandpool_value::{
    Args, ArgumentError, Function, Partial, Value, encode, encode_apart, encode_args,
};

/// The length in bytes above which an argument is not copied to the others of a task.
const LONG: usize = 4096;

/// The arguments that all tasks have in common, and their positions among a task's own.
pub(crate) struct Constants {
    partial: Partial,
    /// The source of the argument for each parameter of the function.
    sources: Vec<ArgumentSource>,
    /// The encoding of the argument that is put between a task's bytes when the task is
    /// sent.
    long: Vec<u8>,
}

enum ArgumentSource {
    /// Each task gives this argument.
    Given,
    Encoded(Vec<u8>),
    Long,
}

/// The positions, in the encoded arguments of one task, of those that are kept apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Places {
    /// The position of the long argument of all tasks.
    pub(super) long: usize,
    /// The position of the task's own long argument.
    pub(super) body: usize,
}

impl Constants {
    /// Fixes these arguments of a function.
    ///
    /// # Errors
    ///
    /// Returns an error if the arguments do not fit the function.
    pub(crate) fn new(
        keywords: Vec<(String, Value)>,
        function: &Function,
    ) -> Result<Self, ArgumentError> {
        let partial = Partial::of_values(keywords, function)?;
        let source = |value: &Option<Value>| match value {
            None => ArgumentSource::Given,
            Some(value) => ArgumentSource::Encoded(encode_args(std::slice::from_ref(value))),
        };
        let mut sources: Vec<ArgumentSource> = partial.fixed().iter().map(source).collect();
        let mut long = Vec::new();
        let size = |source: &&mut ArgumentSource| match source {
            ArgumentSource::Encoded(bytes) => bytes.len(),
            ArgumentSource::Given | ArgumentSource::Long => 0,
        };
        if let Some(longest) = sources.iter_mut().max_by_key(size)
            && size(&longest) > LONG
            && let ArgumentSource::Encoded(bytes) = std::mem::replace(longest, ArgumentSource::Long)
        {
            long = bytes;
        }
        Ok(Constants {
            partial,
            sources,
            long,
        })
    }

    /// Returns the number of bytes of all these arguments.
    pub(crate) fn bytes(&self) -> usize {
        let own = self.sources.iter().map(|source| match source {
            ArgumentSource::Encoded(bytes) => bytes.len(),
            ArgumentSource::Given | ArgumentSource::Long => 0,
        });
        own.sum::<usize>() + self.long.len()
    }

    /// Returns the encoding of the argument that is kept apart.
    pub(super) fn long(&self) -> &[u8] {
        &self.long
    }

    /// Appends the encoded arguments of one task to `raw`. Two are not copied: the long
    /// argument of all tasks and, where there may be a `body`, the first long text or byte
    /// list of the task's own.
    ///
    /// # Errors
    ///
    /// Returns an error if the task's own arguments do not fit.
    pub(super) fn encode_into(
        &self,
        args: Args,
        raw: &mut Vec<u8>,
        mut body: Option<&mut Vec<u8>>,
    ) -> Result<Places, ArgumentError> {
        let mut given = self.partial.bind(args)?.into_iter();
        let start = raw.len();
        let mut places = Places::default();
        let mut body_at = None;
        for source in &self.sources {
            match source {
                ArgumentSource::Encoded(bytes) => raw.extend_from_slice(bytes),
                ArgumentSource::Long => places.long = raw.len() - start,
                ArgumentSource::Given => {
                    let Some(value) = given.next() else { continue };
                    match body.take_if(|_| is_long(&value)) {
                        Some(body) => {
                            let [head, bytes] = encode_apart(value);
                            raw.extend_from_slice(&head);
                            *body = bytes;
                            body_at = Some(raw.len() - start);
                        }
                        None => encode(&value, raw),
                    }
                }
            }
        }
        places.body = body_at.unwrap_or(raw.len() - start);
        if self.long.is_empty() {
            places.long = raw.len() - start;
        }
        Ok(places)
    }
}

fn is_long(value: &Value) -> bool {
    match value {
        Value::Bytes(bytes) => bytes.len() > LONG,
        Value::String(text) => text.len() > LONG,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sandpool_value::{Param, Type, decode_args};

    fn function(types: &[Type]) -> Function {
        let param = |(ty, name): (&Type, &str)| Param {
            name: name.into(),
            ty: ty.clone(),
        };
        Function {
            name: "f".into(),
            interface: None,
            params: types.iter().zip(["a", "b", "c"]).map(param).collect(),
            result: None,
        }
    }

    /// Returns the arguments, as the worker reads them, of a single task or of one of many.
    fn sent(
        function: &Function,
        constants: &Constants,
        given: Vec<Value>,
        apart: bool,
    ) -> Vec<Value> {
        let args = Args {
            positional: given,
            ..Args::default()
        };
        let (mut raw, mut body) = (vec![1, 2, 3], Vec::new());
        let into = apart.then_some(&mut body);
        let places = constants.encode_into(args, &mut raw, into).unwrap();
        let pieces = super::super::batch::pieces(&raw[3..], &body, constants.long(), places);
        decode_args(&function.params, &pieces.concat()).unwrap()
    }

    #[test]
    fn every_argument_comes_where_its_parameter_stands() {
        let bytes = |len: usize, of: u8| Value::Bytes(vec![of; len]);
        let ty = Type::list(Type::U8);
        let function = function(&[ty.clone(), ty.clone(), ty]);
        let all = [bytes(3, 1), bytes(LONG + 1, 2), bytes(2 * LONG, 3)];
        for fixed in 0_u32..8 {
            let is_fixed = |place: &usize| fixed & (1 << place) != 0;
            let keywords = (0..3).filter(is_fixed);
            let keywords = keywords.map(|at| (["a", "b", "c"][at].to_owned(), all[at].clone()));
            let constants = Constants::new(keywords.collect(), &function).unwrap();
            let given = (0..3).filter(|place| !is_fixed(place));
            let given: Vec<Value> = given.map(|at| all[at].clone()).collect();
            for apart in [false, true] {
                let sent = sent(&function, &constants, given.clone(), apart);
                assert_eq!(sent, all, "{fixed:b}, apart: {apart}");
            }
        }
    }

    #[test]
    fn only_what_is_long_is_kept_apart() {
        let ty = Type::list(Type::U8);
        let function = function(&[ty, Type::U32]);
        let of = |len: usize| {
            let keywords = vec![("a".to_owned(), Value::Bytes(vec![7; len]))];
            Constants::new(keywords, &function).unwrap().long().len()
        };
        assert_eq!([of(100), of(1 << 20)], [0, (1 << 20) + 4]);
    }
}
