//! In the sampler's place, where there is none.

use std::time::Duration;

use super::engine::{Engine, Rules};
use super::host::{Host, Unavailable};
#[cfg(feature = "heap")]
use super::image::Image;
use super::seen::Seen;
use super::totals::{Picture, Totals, WallPicture};
use super::wish::Wish;
use crate::scope::Site;

/// There is none.
pub(super) enum Sampler {}

impl Sampler {
    pub(super) fn new(_: Rules, _: Host) -> Result<Self, Unavailable> {
        Err(Unavailable::Elsewhere)
    }

    pub(super) fn forget_parent() {}

    pub(super) fn leave(self) {
        match self {}
    }

    pub(super) fn without_room(&self) -> usize {
        match *self {}
    }

    pub(super) fn remark(&self) -> Option<String> {
        match *self {}
    }

    pub(super) fn turn(&mut self, _: bool) -> Duration {
        match *self {}
    }

    #[cfg(feature = "push")]
    pub(super) fn always_hz(&self) -> u32 {
        match *self {}
    }

    pub(super) fn want(&mut self, _: u32) {
        match *self {}
    }

    pub(super) fn want_no_more(&mut self, _: u32) {
        match *self {}
    }

    pub(super) fn want_wall(&mut self, _: Wish) -> bool {
        match *self {}
    }

    pub(super) fn tick_wall(&mut self) {
        match *self {}
    }

    pub(super) fn want_no_wall(&mut self, _: &Wish) {
        match *self {}
    }

    pub(super) fn wall_picture(&mut self, _: &Wish) -> Option<WallPicture> {
        match *self {}
    }

    pub(super) fn serial(&self) -> u64 {
        match *self {}
    }

    pub(super) fn picture(&mut self) -> Picture {
        match *self {}
    }

    pub(super) fn totals(&self) -> Totals {
        match *self {}
    }

    #[cfg(feature = "heap")]
    pub(super) fn images(&self) -> Vec<Image> {
        match *self {}
    }

    pub(super) fn by_scope(&self) -> Vec<(&'static Site, Seen)> {
        match *self {}
    }

    pub(super) fn engine(&self) -> Engine {
        match *self {}
    }

    pub(super) fn is_sandboxed(&self) -> bool {
        match *self {}
    }

    pub(super) fn is_taken(&self) -> bool {
        match *self {}
    }
}
