//! What a stream of calls is fed with.

use sandpool_value::{Args, ToArgs};

/// One input of a stream of calls.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// Arguments for the function.
    Args(Args),
    /// Words for the command, after its own name, and standard input.
    Command {
        /// The words.
        argv: Vec<String>,
        /// Standard input.
        stdin: Vec<u8>,
    },
    /// An input that is no good, and why: its outcome is `invalid_arguments`,
    /// and it is never sent.
    Invalid(String),
}

/// What can be an input of a stream of calls: all that can be the arguments of
/// a function, and [`Input`] itself.
pub trait ToInput {
    /// The input.
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
