//! What is known of the fields of INFO. A field that is not listed is exported all the same.

use prometheus::proto::MetricType;

/// The names of fields that are not counts, and what they say.
const GAUGES: [(&str, &str); 2] = [
    ("policies", "Named policies now in force."),
    ("fast_replies", "1 while answers are written the fast way, else 0."),
];

const COUNTERS: [(&str, &str); 16] = [
    ("errors", "Calls that the module answered with an error."),
    ("repeats", "Calls that had been made before, by their id."),
    ("settled_less", "Calls of RL.SETTLE that gave something back."),
    ("settled_more", "Calls of RL.SETTLE that charged more."),
    ("settled_unknown", "Calls of RL.SETTLE whose id was not known."),
    ("receipts_dropped", "Receipts that were still known, and pushed out by newer ones."),
    ("leases_released", "Leases that were given back."),
    ("leases_ended", "Leases that ran out before they were given back."),
    ("shadow_allowed", "Verdicts of limits on trial that would have allowed a call."),
    ("shadow_denied", "Verdicts of limits on trial that would have denied a call."),
    ("shadow_skipped", "Verdicts of limits on trial that are missing."),
    ("bans_started", "Bans that began."),
    ("keys_evicted", "Keys of the module that were evicted while they were counted."),
    ("effects_sent", "Recorded calls whose effect was handed to replicas or the AOF."),
    ("effects_unheard", "Recorded calls whose effect nobody could hear."),
    (
        "policy_shadow_denied",
        "Verdicts of a policy's limits on trial that would have denied a call.",
    ),
];

/// The type and the help of a field.
pub(super) fn known(field: &str) -> (MetricType, String) {
    let of = |listed: &[(&str, &str)]| {
        listed.iter().find(|(name, _)| *name == field).map(|(_, help)| (*help).to_owned())
    };
    if let Some(help) = of(&COUNTERS) {
        return (MetricType::COUNTER, help);
    }
    // Nobody can say that an unknown one only grows.
    let help = of(&GAUGES).unwrap_or_else(|| format!("The field {field} of INFO ratelimit."));
    (MetricType::GAUGE, help)
}
