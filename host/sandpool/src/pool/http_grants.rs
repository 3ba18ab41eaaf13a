//! The HTTP rules that a pool or a call grants, a part of a worker's key: one worker never
//! serves two sets of rules. Without the feature `http` there are none.

#[cfg(feature = "http")]
use std::sync::Arc;

#[cfg(feature = "http")]
use crate::http::{Access, HttpRule};
#[cfg(feature = "http")]
use crate::pool::error::GrantError;

/// The rules that are granted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct HttpGrants {
    #[cfg(feature = "http")]
    rules: Arc<[HttpRule]>,
}

#[cfg(feature = "http")]
impl HttpGrants {
    pub(super) fn new(rules: Vec<HttpRule>) -> Self {
        HttpGrants {
            rules: rules.into(),
        }
    }

    /// Returns `true` if nothing is granted.
    pub(super) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Checks every rule.
    pub(super) fn check(&self) -> Result<(), GrantError> {
        for rule in &*self.rules {
            rule.check().map_err(GrantError::HttpRule)?;
        }
        Ok(())
    }

    /// Returns the rules whose patterns these are, in the pool's order.
    pub(super) fn part(&self, patterns: &[String]) -> Result<Self, GrantError> {
        let unknown = patterns
            .iter()
            .find(|asked| self.rules.iter().all(|rule| rule.pattern() != **asked));
        if let Some(asked) = unknown {
            return Err(GrantError::HttpNotGranted {
                asked: asked.clone(),
                granted: self
                    .rules
                    .iter()
                    .map(|rule| rule.pattern().to_owned())
                    .collect(),
            });
        }
        let is_asked = |rule: &&HttpRule| patterns.iter().any(|asked| asked == rule.pattern());
        Ok(HttpGrants {
            rules: self.rules.iter().filter(is_asked).cloned().collect(),
        })
    }

    /// Returns the access of the tasks of a key.
    pub(super) fn access(&self, tenant: Option<&str>) -> Access {
        Access::new(Arc::clone(&self.rules), tenant.map(str::to_owned))
    }
}

#[cfg(not(feature = "http"))]
impl HttpGrants {
    /// Returns `true`: nothing can be granted.
    pub(super) fn is_empty(&self) -> bool {
        true
    }
}
