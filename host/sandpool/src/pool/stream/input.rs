//! The inputs of a stream of calls.

use sandpool_value::{Args, ToArgs};

/// One input of a stream of calls (an [`IMap`](crate::IMap)).
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// Arguments for the function.
    Args(Args),
    /// Words for the command, after its own name, and its standard input.
    Command {
        /// The words, without the command's own name.
        argv: Vec<String>,
        /// The bytes of standard input.
        stdin: Vec<u8>,
    },
    /// An invalid input, with the reason, in one line. It is never sent, and its outcome is
    /// `invalid_arguments` with this text.
    Invalid(String),
}

/// A type whose values can be inputs of a stream of calls: every type whose values can be
/// the arguments of a function, and [`Input`] itself.
pub trait ToInput {
    /// Returns the input.
    fn into_input(self) -> Input;
}

impl ToInput for Input {
    fn into_input(self) -> Input {
        self
    }
}

impl<A: ToArgs> ToInput for A {
    fn into_input(self) -> Input {
        Input::Args(self.into_args())
    }
}
