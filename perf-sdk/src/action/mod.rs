//! What is done about alerts: people are told.
//!
//! | file | job |
//! |---|---|
//! | `message` | labels and annotations of an alert, as Prometheus and Alertmanager name them |
//! | `webhook` | the body of a webhook: that of Alertmanager, version 4 |
//! | `alertmanager` | the body for an Alertmanager |
//! | `retry` | when to try again |
//! | `notifier` | the thread that posts |

mod alertmanager;
mod message;
mod notifier;
mod retry;
mod webhook;

pub(crate) use message::Sender;
pub(crate) use notifier::{Handed, Notifier, Places};
