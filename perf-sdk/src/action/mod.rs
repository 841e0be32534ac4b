//! What is done about alerts: people are told, and more.
//!
//! | file | job |
//! |---|---|
//! | `message` | labels and annotations of an alert, as Prometheus and Alertmanager name them |
//! | `webhook` | the body of a webhook: that of Alertmanager, version 4 |
//! | `alertmanager` | the body for an Alertmanager |
//! | `notifier` | the thread that posts |
//! | `command`, `system` | a program that is run |
//! | `sampling` | functions that are measured more often |
//! | `trim` | memory that is returned |
//! | `busy` | whether the machine can afford it |
//! | `runner` | the thread that runs commands and returns memory |
//! | `retry` | when to try again |

#[cfg(feature = "push")]
mod alertmanager;
mod busy;
mod command;
#[cfg(feature = "push")]
mod message;
#[cfg(feature = "push")]
mod notifier;
mod retry;
mod runner;
mod sampling;
#[cfg(unix)]
mod system;
mod trim;
#[cfg(feature = "push")]
mod webhook;

pub(crate) use busy::too_busy;
pub(crate) use command::environment;
#[cfg(feature = "push")]
pub(crate) use message::Sender;
#[cfg(feature = "push")]
pub(crate) use notifier::{Handed, Notifier, Places};
pub(crate) use runner::{Runner, Tasks, Work};
pub(crate) use sampling::measure;
