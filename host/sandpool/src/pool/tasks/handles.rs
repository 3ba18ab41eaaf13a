//! The handles of resources among the arguments and in the results of a session's calls.
//! The host knows which handles a session has, and lets no other number through.

use std::sync::Arc;

use super::task::{Task, Template};
use crate::pool::error::{Error, HandleError};
use crate::pool::keys::{KnownHandles, WorkerKey};
use sandpool_protocol::Violation;
use sandpool_value::{Args, Resource, Type, Value};

/// The handles that a call gives away. They are the session's again if the call is not
/// sent.
#[derive(Default)]
pub(crate) struct GivenHandles(Option<(Arc<WorkerKey>, Vec<Resource>)>);

impl GivenHandles {
    /// Checks the handles among the arguments, and takes those that the call gives away.
    ///
    /// # Errors
    ///
    /// Returns an error if a handle is not one of the session's.
    pub(crate) fn take(template: &Template, args: &Args) -> Result<Self, Error> {
        let worker_key = &template.worker_key;
        let (Some(life), Some(callable)) = (&worker_key.session, &template.callable) else {
            return Ok(GivenHandles::default());
        };
        let params = &callable.function.params;
        if params.iter().all(|param| param.ty.resource().is_none()) {
            return Ok(GivenHandles::default());
        }
        let values = args.clone().bind(&callable.function)?;
        let mut used = Vec::new();
        for (value, param) in values.iter().zip(params) {
            value.visit_handles(&param.ty, &mut |handle, is_given| {
                used.push((handle.clone(), is_given));
            });
        }
        let given = check(&used, worker_key.id, &mut life.handles())?;
        Ok(GivenHandles(Some((Arc::clone(worker_key), given))))
    }

    /// Leaves the handles given away: the call was sent.
    pub(crate) fn keep_given(mut self) {
        self.0 = None;
    }
}

impl Drop for GivenHandles {
    fn drop(&mut self) {
        if let Some((worker_key, given)) = &self.0
            && let Some(life) = &worker_key.session
        {
            life.handles().extend(given.iter().map(Resource::number));
        }
    }
}

/// Checks the handles that a call uses, takes those out that it gives away, and returns
/// them.
fn check(
    used: &[(Resource, bool)],
    session: u64,
    known: &mut KnownHandles,
) -> Result<Vec<Resource>, Error> {
    let refuse = |handle: &Resource, why| {
        let handle = handle.to_string();
        Err(Error::Handle(HandleError { handle, why }))
    };
    for (place, (handle, is_given)) in used.iter().enumerate() {
        if handle.session().is_some_and(|of| of != session) {
            return refuse(handle, "belongs to another session");
        }
        if !known.contains(&handle.number()) {
            return refuse(handle, "is not alive: it was dropped, or given away");
        }
        let mut others = used.iter().enumerate().filter(|(other, _)| *other != place);
        if *is_given && others.any(|(_, (other, _))| other.number() == handle.number()) {
            return refuse(handle, "is given away and used again in one call");
        }
    }
    let given = used.iter().filter(|(_, is_given)| *is_given);
    let given: Vec<Resource> = given.map(|(handle, _)| handle.clone()).collect();
    for handle in &given {
        known.remove(&handle.number());
    }
    Ok(given)
}

/// Makes the handles in a result, which is of the type, handles of the task's session.
pub(super) fn adopt(task: &Task, ty: &Option<Type>, value: &mut Value) -> Result<(), Violation> {
    let worker_key = &task.template().worker_key;
    let (Some(life), Some(ty)) = (&worker_key.session, ty) else {
        return Ok(());
    };
    if ty.resource().is_none() {
        return Ok(());
    }
    let mut known = life.handles();
    let mut is_sound = true;
    value.visit_handles(ty, &mut |handle, _| is_sound &= known.add(handle.number()));
    if !is_sound {
        return Err(Violation("it returned a handle twice, or more than it may"));
    }
    value.bind_handles(worker_key.id);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handle(session: Option<u64>, number: u32) -> Resource {
        Resource::new(session, number, &"counter".into())
    }

    #[test]
    fn only_living_handles_of_the_session_are_let_through() {
        let mut known = KnownHandles::default();
        assert!(known.add(1) && known.add(2));
        assert!(!known.add(2), "a number is given once");
        let mut asked = |used: &[(Resource, bool)]| check(used, 7, &mut known);
        let why = |refused: Result<Vec<Resource>, Error>| refused.expect_err("refused").to_string();
        let other = why(asked(&[(handle(Some(8), 1), false)]));
        assert_eq!(
            other,
            r#"the handle `{"$handle":["counter",1]}` belongs to another session"#
        );
        assert!(why(asked(&[(handle(None, 3), false)])).contains("is not alive"));
        let twice = [(handle(None, 1), true), (handle(None, 1), false)];
        assert!(why(asked(&twice)).contains("used again"));
        assert!(asked(&[(handle(Some(7), 1), false), (handle(None, 2), false)]).is_ok());
        assert_eq!(asked(&[(handle(None, 1), true)]).expect("given").len(), 1);
        assert!(why(asked(&[(handle(None, 1), false)])).contains("is not alive"));
    }
}
