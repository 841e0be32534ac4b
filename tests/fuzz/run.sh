#!/bin/sh
# Builds one fuzz target and runs it for some seconds: ./run.sh TARGET [SECONDS [SEED]]. Exits with 0
# if nothing was found.
set -eu
cd "$(dirname "$0")"
target=$1 seconds=${2:-60} seed=${3:-1}
# Coverage by LLVM's pass, with the flags of `cargo fuzz`, on the stable compiler. `--target` keeps the
# flags out of build scripts and macros.
host=$(rustc -vV | sed -n 's/^host: //p')
export RUSTFLAGS="--cfg perf_fuzz -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 ${FUZZ_RUSTFLAGS:-}"
# While debug information is read, an arithmetic overflow in these crates only costs names, so it is not
# a fault. While unwind tables are read in a signal handler, it would abort a debug build.
relaxed=
case $target in dwarf | elf)
    relaxed="--config profile.release.package.gimli.overflow-checks=false --config profile.release.package.addr2line.overflow-checks=false"
    ;;
esac
# shellcheck disable=SC2086
cargo build --release --features libfuzzer --target "$host" --bin "$target" $relaxed
[ "$seconds" = 0 ] && exit 0
mkdir -p "corpus/$target" "artifacts/$target" "seeds/$target" "regressions/$target"
limit=$(case $target in settings) echo 4096 ;; http) echo 32768 ;; unwind) echo 65536 ;; *) echo 262144 ;; esac)
exec "target/$host/release/$target" -max_total_time="$seconds" -seed="$seed" -rss_limit_mb=512 -malloc_limit_mb=256 -timeout=10 \
    -max_len="$limit" -print_final_stats=1 -artifact_prefix="artifacts/$target/" "corpus/$target" "seeds/$target" "regressions/$target"
