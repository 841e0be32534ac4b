//! Whose metrics they are.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::metrics::v1::{Metric, ResourceMetrics, ScopeMetrics};
use opentelemetry_proto::tonic::resource::v1::Resource;

use super::encoding::text;

/// Of these attributes of the process, a later one of the same name counts.
pub(crate) fn resource(attributes: Vec<(String, String)>) -> Resource {
    let mut unique: Vec<(String, String)> = Vec::new();
    for (name, value) in attributes {
        unique.retain(|(known, _)| *known != name);
        unique.push((name, value));
    }
    Resource { attributes: unique.iter().map(|(name, value)| text(name, value)).collect(), ..Resource::default() }
}

/// One request with these metrics.
pub(crate) fn request(resource: &Resource, metrics: Vec<Metric>) -> ExportMetricsServiceRequest {
    let scope = InstrumentationScope {
        name: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    };
    let scope_metrics = vec![ScopeMetrics { scope: Some(scope), metrics, schema_url: String::new() }];
    let resource = Some(resource.clone());
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics { resource, scope_metrics, schema_url: String::new() }],
    }
}
