//! Reservations: charged as an estimate, settled as what it was.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::charge::Charge;
use crate::outcome::Outcome;

/// A charge of an estimate, made by [`Limiter::reserve`](crate::Limiter::reserve) or by a layer
/// that reserves. A clone is the same reservation.
///
/// If nothing was charged, since the call was denied or nobody decided, there is nothing to settle.
#[derive(Debug, Clone)]
pub struct Reservation(Arc<Reserved>);

#[derive(Debug)]
struct Reserved {
    outcome: Outcome,
    charge: Option<Charge>,
    refund: AtomicBool,
}

impl Reservation {
    pub(crate) fn new(outcome: Outcome, charge: Option<Charge>) -> Self {
        Self(Arc::new(Reserved { outcome, charge, refund: AtomicBool::new(false) }))
    }

    /// What was decided about the estimate.
    #[must_use]
    pub fn outcome(&self) -> &Outcome {
        &self.0.outcome
    }

    /// How much is left of the limit that has least, once this is settled as it was.
    #[must_use]
    pub fn remaining(&self) -> Option<u64> {
        match self.0.charge.as_ref().and_then(Charge::settled) {
            Some(actual) => self.0.outcome.settled(actual).remaining(),
            None => self.0.outcome.remaining(),
        }
    }

    /// Make the charge what it really cost: less, more, or nothing. The cost is absolute: settling
    /// twice is settling once, and a later call corrects an earlier one.
    ///
    /// Whether the charge was still known. It is not where it was made too long ago, where nothing
    /// was charged, or where Redis does not answer, which is logged: the estimate stands then.
    pub async fn settle(&self, actual: u64) -> bool {
        match &self.0.charge {
            Some(charge) => charge.settle(actual).await,
            None => false,
        }
    }

    /// Give all of it back when it is dropped without having been settled, as by an error, a panic,
    /// or a client that goes away. Otherwise the estimate stands then.
    #[must_use]
    pub fn refund_on_drop(self) -> Self {
        self.0.refund.store(true, Ordering::Relaxed);
        self
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if let Some(charge) = &self.charge
            && self.refund.load(Ordering::Relaxed)
            && charge.settled().is_none()
        {
            charge.give_back();
        }
    }
}
