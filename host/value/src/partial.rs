//! A function some of whose arguments are equal for many calls.
//!
//! Each of those calls gives the other arguments, and is checked as if the function had no
//! other parameters; errors speak of the whole function.

use std::ffi::{OsStr, OsString};
use std::io;

use super::arguments::{bind, signature, unfit_argument};
use super::words::{Utf8, parse_word};
use super::{Args, ArgumentError, Function, Mismatch, Param, ParseError, Type, Value};

/// A function with the arguments that are equal for all calls.
#[derive(Clone, Debug, PartialEq)]
pub struct Partial {
    whole: Function,
    /// The function as if it had only the parameters that each call gives.
    rest: Function,
    /// The fixed value, if there is one, of each parameter of the whole function.
    fixed: Vec<Option<Value>>,
}

impl Partial {
    /// Returns the function without fixed arguments.
    pub fn none(function: &Function) -> Self {
        Partial {
            whole: function.clone(),
            rest: function.clone(),
            fixed: vec![None; function.params.len()],
        }
    }

    /// Fixes arguments by keyword, read as [`parse_words`](super::parse_words) reads words.
    ///
    /// # Errors
    ///
    /// Returns an error if a keyword is no parameter, is there twice, or its word does not
    /// fit.
    pub fn of_words(
        kwargs: &[(String, OsString)],
        function: &Function,
        files: &dyn Fn(&OsStr) -> io::Result<Vec<u8>>,
        utf8: Utf8,
    ) -> Result<Self, ArgumentError> {
        let keywords = kwargs.iter().map(|(name, word)| (name, word));
        Self::new(keywords, function, |word, ty| {
            parse_word(word, ty, files, utf8)
        })
    }

    /// Fixes arguments by keyword, and converts values of close types.
    ///
    /// # Errors
    ///
    /// Returns an error if a keyword is no parameter, is there twice, or its value does not
    /// fit.
    pub fn of_values(
        keywords: Vec<(String, Value)>,
        function: &Function,
    ) -> Result<Self, ArgumentError> {
        Self::new(keywords, function, |value, ty| {
            value.coerce(ty).map_err(|error: Mismatch| error.into())
        })
    }

    fn new<T>(
        keywords: impl IntoIterator<Item = (impl AsRef<str>, T)>,
        function: &Function,
        read: impl Fn(T, &Type) -> Result<Value, ParseError>,
    ) -> Result<Self, ArgumentError> {
        let mut partial = Self::none(function);
        for (keyword, given) in keywords {
            let keyword = keyword.as_ref();
            let Some(place) = function.parameter(keyword) else {
                return Err(ArgumentError::UnknownKeyword {
                    keyword: keyword.to_owned(),
                    function: signature(function),
                    available: names(&function.params),
                });
            };
            let param = &function.params[place];
            if partial.fixed[place].is_some() {
                return Err(twice(param, function));
            }
            let value = read(given, &param.ty)
                .map_err(|problem| unfit_argument(problem, param, function))?;
            partial.fixed[place] = Some(value);
        }
        let mut fixed = partial.fixed.iter();
        partial
            .rest
            .params
            .retain(|_| fixed.next().is_none_or(Option::is_none));
        Ok(partial)
    }

    /// Returns the whole function.
    pub fn whole(&self) -> &Function {
        &self.whole
    }

    /// Returns the function as each call has to give its arguments: without the fixed
    /// parameters.
    pub fn rest(&self) -> &Function {
        &self.rest
    }

    /// Returns the fixed value, if there is one, of each parameter of the whole function.
    pub fn fixed(&self) -> &[Option<Value>] {
        &self.fixed
    }

    /// Returns the fixed arguments, by the names of their parameters.
    pub fn keywords(&self) -> impl Iterator<Item = (&str, &Value)> {
        let names = self.whole.params.iter().map(|param| param.name.as_str());
        names
            .zip(&self.fixed)
            .filter_map(|(name, value)| Some((name, value.as_ref()?)))
    }

    /// Returns `true` if no argument is fixed.
    pub fn is_none(&self) -> bool {
        self.fixed.iter().all(Option::is_none)
    }

    /// Translates an error about the arguments of [`rest`](Partial::rest) to the whole
    /// function.
    #[must_use]
    pub fn explain(&self, mut error: ArgumentError) -> ArgumentError {
        if self.is_none() {
            return error;
        }
        match &mut error {
            ArgumentError::UnknownKeyword { keyword, .. } => {
                if let Some(place) = self.whole.parameter(keyword) {
                    return twice(&self.whole.params[place], &self.whole);
                }
            }
            ArgumentError::TooMany { given, takes, .. } => {
                *given += self.whole.params.len() - self.rest.params.len();
                *takes = self.whole.params.len();
            }
            _ => {}
        }
        match &mut error {
            ArgumentError::Unfit { function, .. }
            | ArgumentError::File { function, .. }
            | ArgumentError::TooMany { function, .. }
            | ArgumentError::Missing { function, .. }
            | ArgumentError::UnknownKeyword { function, .. }
            | ArgumentError::Twice { function, .. } => *function = signature(&self.whole),
            _ => {}
        }
        error
    }

    /// Returns the arguments that one call gives, in the order and in the types of the
    /// parameters that are not fixed.
    ///
    /// # Errors
    ///
    /// Returns an error if they do not fit; see [`ArgumentError`].
    pub fn bind(&self, args: Args) -> Result<Vec<Value>, ArgumentError> {
        bind(args.positional, args.keywords, &self.rest).map_err(|error| self.explain(error))
    }
}

fn names(params: &[Param]) -> Vec<String> {
    params.iter().map(|param| param.name.clone()).collect()
}

fn twice(param: &Param, function: &Function) -> ArgumentError {
    ArgumentError::Twice {
        parameter: param.name.clone(),
        function: signature(function),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{LineFormat, parse_line};
    use super::*;

    fn thumbnail() -> Function {
        let param = |name: &str, ty| Param {
            name: name.into(),
            ty,
        };
        Function {
            name: "thumbnail".into(),
            interface: None,
            params: vec![
                param("image", Type::String),
                param("max-side", Type::U32),
                param("format", Type::option(Type::String)),
            ],
            result: None,
        }
    }

    fn no_files(_: &OsStr) -> io::Result<Vec<u8>> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn with(kwargs: &[(&str, &str)]) -> Result<Partial, String> {
        let owned = |(name, word): &(&str, &str)| ((*name).to_owned(), (*word).into());
        let kwargs: Vec<_> = kwargs.iter().map(owned).collect();
        Partial::of_words(&kwargs, &thumbnail(), &no_files, Utf8::Strict)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_call_gives_the_other_arguments_in_their_order() {
        let partial = with(&[("max_side", "128")]).unwrap();
        let fixed: Vec<_> = partial.keywords().collect();
        assert_eq!(fixed, [("max-side", &Value::U32(128))]);
        let text = |text: &str| Value::String(text.into());
        let args = Args {
            positional: vec![text("a"), text("png")],
            ..Args::default()
        };
        assert_eq!(
            partial.bind(args).unwrap(),
            [text("a"), Value::some(text("png"))]
        );
        // With one parameter left, a line is the text of that one.
        let partial = with(&[("max-side", "1"), ("format", "null")]).unwrap();
        let line = parse_line("[\"a\"]", partial.rest(), LineFormat::Auto);
        assert_eq!(line.unwrap(), [text("[\"a\"]")]);
    }

    #[test]
    fn what_is_fixed_is_checked_at_once() {
        let of = "`thumbnail: func(image: string, max-side: u32, format: option<string>)`";
        assert_eq!(
            with(&[("size", "1")]).unwrap_err(),
            format!("{of} has no parameter `size`: it has `image`, `max-side`, `format`")
        );
        assert_eq!(
            with(&[("max-side", "1"), ("max_side", "2")]).unwrap_err(),
            format!("parameter `max-side` of {of} is given twice")
        );
        assert_eq!(
            with(&[("max-side", "x")]).unwrap_err(),
            format!("`x` is not a valid u32 for parameter `max-side` of {of}")
        );
    }

    #[test]
    fn errors_speak_of_the_function_as_it_is() {
        let of = "`thumbnail: func(image: string, max-side: u32, format: option<string>)`";
        let partial = with(&[("max-side", "128")]).unwrap();
        let message = |line: &str| {
            let error = parse_line(line, partial.rest(), LineFormat::Auto).unwrap_err();
            partial.explain(error).to_string()
        };
        assert_eq!(
            message(r#"{"image":"a","max-side":2}"#),
            format!("parameter `max-side` of {of} is given twice")
        );
        assert_eq!(
            message(r#"["a","b",3]"#),
            format!("4 arguments for {of}, which takes 3")
        );
        assert_eq!(
            message("{}"),
            format!("there is no argument for parameter `image` of {of}")
        );
    }
}
