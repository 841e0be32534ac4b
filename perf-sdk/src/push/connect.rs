//! Pyroscope's current protocol: `push.v1.PusherService/Push`, a unary call by Connect.
//!
//! The messages are those of Pyroscope's `api/push/v1/push.proto` and `api/types/v1/types.proto`.
//! The call is a POST of [Connect](https://connectrpc.com/docs/protocol/#unary-request) with a
//! binary message.

use prost::Message as _;

use super::client::Request;
use super::random;
use super::windows::{Kind, Profile};
use crate::base::sort;
use crate::settings::{PushLabels, ServiceName};

#[derive(Clone, PartialEq, prost::Message)]
struct PushRequest {
    #[prost(message, repeated, tag = "1")]
    series: Vec<Series>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Series {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Sample {
    #[prost(bytes = "vec", tag = "1")]
    raw_profile: Vec<u8>,
    #[prost(string, tag = "2")]
    id: String,
}

pub(super) fn request(name: &ServiceName, labels: &PushLabels, profile: &Profile) -> Request {
    let metric = match profile.kind {
        Kind::Cpu => "process_cpu",
        #[cfg(feature = "heap")]
        Kind::Heap => "memory",
    };
    // The allocations are already those of the window, so the server must not compute a difference.
    let own = [("__delta__", "false"), ("__name__", metric), ("service_name", name.as_str())];
    let mut labels: Vec<Label> = own
        .into_iter()
        .chain(labels.iter())
        .map(|(name, value)| Label { name: name.to_owned(), value: value.to_owned() })
        .collect();
    sort::sort_by(&mut labels, |a, b| a.name.cmp(&b.name));
    let sample = Sample { raw_profile: profile.body.clone(), id: random::uuid() };
    let message = PushRequest { series: vec![Series { labels, samples: vec![sample] }] };
    Request {
        path: "/push.v1.PusherService/Push".to_owned(),
        headers: vec![
            ("Content-Type".into(), "application/proto".to_owned()),
            ("Connect-Protocol-Version".into(), "1".to_owned()),
        ],
        read_bytes: 0,
        body: message.encode_to_vec(),
    }
}
