//! The failure of a snippet, in the form of `sandpool:script`.

use rquickjs::{Ctx, Error, Exception, Function};

use crate::exports::sandpool::script::script::Failure;
use crate::text::Text;

/// The message where the error itself could not be asked; `js/globals.js` has it too.
const NOT_DESCRIBED: &str = "an error that cannot be described was thrown";

/// Returns whether the error may be that memory ran out, if it did.
pub fn is_of_memory(failure: &Failure) -> bool {
    // There may have been no memory for the error itself, which is then null, or for its text.
    [
        "out of memory",
        "null",
        "Invalid error message",
        NOT_DESCRIBED,
    ]
    .contains(&&*failure.message)
}

/// Throws an error of our own.
pub fn throw(ctx: &Ctx<'_>, message: &str) -> Error {
    Exception::throw_message(ctx, message)
}

/// Describes an error by `describe` of `js/globals.js`.
pub fn of<'js>(ctx: &Ctx<'js>, error: Error, describe: rquickjs::Result<Function<'js>>) -> Failure {
    if !matches!(error, Error::Exception) {
        return plain("Error", &error.to_string());
    }
    let thrown = ctx.catch();
    let described = describe.and_then(|describe| describe.call::<_, Vec<Text>>((thrown,)));
    match described.map(<[Text; 3]>::try_from) {
        Ok(Ok([kind, message, traceback])) => Failure {
            type_: kind.0,
            message: message.0,
            traceback: traceback.0,
        },
        _ => {
            // The stack or the memory ended just here.
            ctx.catch();
            plain("InternalError", NOT_DESCRIBED)
        }
    }
}

fn plain(kind: &str, message: &str) -> Failure {
    Failure {
        type_: kind.to_owned(),
        message: message.to_owned(),
        traceback: format!("{kind}: {message}"),
    }
}
