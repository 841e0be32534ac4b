//! Unsupported platform: the replacement of `linux/` where threads cannot be sampled.

use std::env;
use std::fs::File;
use std::io;
use std::time::Duration;

use super::engine::{Engine, Rules};
#[cfg(any(feature = "heap", feature = "pprof"))]
use super::image::Image;
use super::picture::{Picture, WallPicture};
#[cfg(feature = "flight")]
use super::recent::RecentPicture;
use super::recorder_hooks::Host;
use super::stack_counts::Seen;
use super::totals::Totals;
use super::unavailable::Unavailable;
use super::wall_request::Wish;
use crate::scope::Site;

/// The program's own file.
pub(super) fn program_file() -> io::Result<File> {
    File::open(env::current_exe()?)
}

/// Loaded images are unknown.
#[cfg(feature = "pprof")]
pub(super) fn images() -> Vec<Image> {
    Vec::new()
}

#[cfg(feature = "pprof")]
pub(super) fn forget_images() {}

/// There is no sampler.
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

    #[cfg(feature = "flight")]
    pub(super) fn recent(&mut self, _: u64) -> RecentPicture {
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
