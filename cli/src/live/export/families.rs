//! Counters as metrics with labels, in Prometheus' text format.

use prometheus::TextEncoder;
use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};

use super::fields::known;
use crate::live::counters::{Counters, Decisions};
use crate::live::server::Away;

/// A server by its name, and what it counts.
pub(super) type Instance = (String, Result<Counters, Away>);

const PREFIX: &str = "redis_rl_";

/// The metrics of all instances. Of one that is away it is told that it is, and nothing else.
pub(super) fn text_of(instances: &[Instance]) -> String {
    let mut families = Families::default();
    for (name, counters) in instances {
        let up = if counters.is_ok() { 1.0 } else { 0.0 };
        families.add("up", MetricType::GAUGE, UP, &[("instance", name)], up);
    }
    for (name, counters) in instances {
        if let Ok(counters) = counters {
            families.add_counters(name, counters);
        }
    }
    TextEncoder::new().encode_to_string(&families.0).unwrap_or_default()
}

const UP: &str = "Whether the server answered, with the module.";
const DECISIONS: &str = "Decisions by verdict. With neither algorithm nor policy they are all \
    calls; with an algorithm, the verdicts of its clauses; with a policy, the calls that named it.";

/// Metrics, those of one name together.
#[derive(Default)]
struct Families(Vec<MetricFamily>);

impl Families {
    fn add_counters(&mut self, instance: &str, counters: &Counters) {
        self.add_decisions(instance, None, counters.calls);
        for (algorithm, decisions) in &counters.algorithms {
            self.add_decisions(instance, Some(("algorithm", algorithm)), *decisions);
        }
        for policy in &counters.policies {
            self.add_decisions(instance, Some(("policy", &policy.name)), policy.calls);
        }
        for policy in &counters.policies {
            for (name, count) in &policy.more {
                let name = format!("policy_{name}");
                let labels = [("policy", policy.name.as_str()), ("instance", instance)];
                self.add_field(&name, &labels, to_f64(*count));
            }
        }
        for (name, value) in &counters.others {
            self.add_field(name, &[("instance", instance)], *value);
        }
    }

    fn add_decisions(&mut self, instance: &str, about: Option<(&str, &str)>, counted: Decisions) {
        for (verdict, count) in [("allowed", counted.allowed), ("denied", counted.denied)] {
            let mut labels = vec![("verdict", verdict)];
            labels.extend(about);
            labels.push(("instance", instance));
            self.add("decisions_total", MetricType::COUNTER, DECISIONS, &labels, to_f64(count));
        }
    }

    fn add_field(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let (kind, help) = known(name);
        self.add(name, kind, &help, labels, value);
    }

    fn add(
        &mut self,
        name: &str,
        kind: MetricType,
        help: &str,
        labels: &[(&str, &str)],
        value: f64,
    ) {
        let name = metric_name(name);
        let metric = metric(kind, labels, value);
        match self.0.iter_mut().find(|family| family.name() == name) {
            Some(family) => family.mut_metric().push(metric),
            None => {
                let mut family = MetricFamily::default();
                family.set_name(name);
                family.set_help(help.into());
                family.set_field_type(kind);
                family.set_metric(vec![metric]);
                self.0.push(family);
            }
        }
    }
}

fn metric(kind: MetricType, labels: &[(&str, &str)], value: f64) -> Metric {
    let labels = labels.iter().map(|(name, value)| {
        let mut label = LabelPair::default();
        label.set_name((*name).into());
        label.set_value((*value).into());
        label
    });
    let mut metric = Metric::from_label(labels.collect());
    if kind == MetricType::COUNTER {
        let mut counter = Counter::default();
        counter.set_value(value);
        metric.set_counter(counter);
    } else {
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        metric.set_gauge(gauge);
    }
    metric
}

/// A field's name with our prefix, and nothing that no metric's name may have.
fn metric_name(field: &str) -> String {
    let fit = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' };
    PREFIX.chars().chain(field.chars().map(fit)).collect()
}

/// Counts have no more digits than this, in years.
#[expect(clippy::cast_precision_loss)]
fn to_f64(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: &str = "ratelimit_decisions_allowed:7\r\nratelimit_decisions_denied:3\r\n\
        ratelimit_fixed_allowed:5\r\nratelimit_fixed_denied:2\r\n\
        ratelimit_brand-new:12\r\nratelimit_errors:4\r\nratelimit_policies:1\r\n\
        ratelimit_policy_t|1_allowed:8\r\nratelimit_policy_t|1_denied:9\r\n\
        ratelimit_policy_t|1_shadow_denied:10\r\n";

    #[test]
    fn each_field_is_a_metric_and_only_who_is_away_has_none() {
        let one = ("h:1".to_owned(), Counters::read(INFO));
        let two = ("h:2".to_owned(), Err(Away("gone".into())));
        let text = text_of(&[one, two]);
        let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            samples,
            [
                r#"redis_rl_up{instance="h:1"} 1"#,
                r#"redis_rl_up{instance="h:2"} 0"#,
                r#"redis_rl_decisions_total{verdict="allowed",instance="h:1"} 7"#,
                r#"redis_rl_decisions_total{verdict="denied",instance="h:1"} 3"#,
                r#"redis_rl_decisions_total{verdict="allowed",algorithm="fixed",instance="h:1"} 5"#,
                r#"redis_rl_decisions_total{verdict="denied",algorithm="fixed",instance="h:1"} 2"#,
                r#"redis_rl_decisions_total{verdict="allowed",policy="t:1",instance="h:1"} 8"#,
                r#"redis_rl_decisions_total{verdict="denied",policy="t:1",instance="h:1"} 9"#,
                r#"redis_rl_policy_shadow_denied{policy="t:1",instance="h:1"} 10"#,
                r#"redis_rl_brand_new{instance="h:1"} 12"#,
                r#"redis_rl_errors{instance="h:1"} 4"#,
                r#"redis_rl_policies{instance="h:1"} 1"#,
            ]
        );
        assert!(text.contains("# TYPE redis_rl_errors counter\n"), "{text}");
        assert!(text.contains("# TYPE redis_rl_brand_new gauge\n"), "{text}");
    }
}
