#!/bin/sh
# rustdoc with JSON output, which is unstable. Only rustdoc gets the variable that permits it: with
# the variable in cargo's environment all dependencies would be compiled again.
RUSTC_BOOTSTRAP=1 exec rustdoc "$@" -Z unstable-options --output-format json
