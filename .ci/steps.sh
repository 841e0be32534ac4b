# Functions of .ci/run and .ci/quick.

# A file for what each step took, until the script ends; and what steps have in common.
begin_steps() {
    TARGET=${CARGO_TARGET_DIR:-$PWD/target}
    # Readers of profiles, beside what is built; tests find them by NODE_PATH.
    export NODE_PATH=$TARGET/npm/node_modules
    TIMES=$(mktemp)
    FAILURES=$(mktemp)
    trap end_steps EXIT
}

# The longest first; and last what a reader looks for first.
end_steps() {
    local status=$?
    printf '\n== seconds of each step, and of processors that it took; the longest first\n'
    sort -rn "$TIMES"
    printf '== %s after %s s, %s built\n' "$([ "$status" = 0 ] && echo passed || echo FAILED)" "$SECONDS" "$(du -sh "$TARGET" 2> /dev/null | cut -f1)"
    cat "$FAILURES"
    rm -f "$TIMES" "$FAILURES"
}

step() {
    local name=$1 start=$SECONDS status=0 cpu said
    shift
    printf '\n== %s\n' "$name"
    # Without errexit a function would go on after its first failure: each step has a shell of its own.
    cpu=$(mktemp)
    said=$(mktemp)
    (trap 'times > "$cpu"' EXIT; set -e; "$@") > >(tee "$said") 2>&1 &
    wait $! || status=$?
    printf '%5d %5d  %s\n' "$((SECONDS - start))" "$(processors "$cpu")" "$name" >> "$TIMES"
    if [ "$status" != 0 ]; then
        # What it said is on its way still.
        sleep 1
        { printf '\n== FAILED: %s; its last lines:\n' "$name"; tail -n 60 "$said"; } >> "$FAILURES"
        printf '== FAILED: %s\n' "$name"
    fi
    rm -f "$cpu" "$said"
    [ "$status" = 0 ] || exit "$status"
    printf '== %s: %s s\n' "$name" "$((SECONDS - start))"
}

# Seconds of a shell and its children, as `times` writes them: lines such as `1m2.345s 0m0.678s`.
processors() {
    tr 'ms ' '   ' < "$1" | awk '{ sum += 60 * ($1 + $3) + $2 + $4 } END { printf "%d", sum }'
}

# Runs two functions at the same time. What the second one prints is shown when it ends; the first
# that fails ends both.
beside_each_other() {
    local first second log status=0
    log=$(mktemp)
    # Process groups of their own, so that one can be ended with all that it started.
    set -m
    (trap - EXIT; "$1") &
    first=$!
    (trap - EXIT; "$2") > "$log" 2>&1 &
    second=$!
    set +m
    trap 'kill -- "-$first" "-$second" 2> /dev/null; rm -f "$log"; exit 130' INT TERM
    wait -n "$first" "$second" || status=$?
    if [ "$status" = 0 ]; then
        # One is through; the other may fail yet.
        wait "$first" || status=$?
        wait "$second" || status=$?
    else
        kill -- "-$first" "-$second" 2> /dev/null || true
        wait "$first" "$second" 2> /dev/null || true
    fi
    printf '\n== beside it\n'
    cat "$log"
    rm -f "$log"
    return "$status"
}

install_tools() {
    local missing=()
    # Part of every toolchain of rustup's; a distribution may have it in a package of its own.
    command -v rustdoc > /dev/null || { echo "rustdoc is missing: install it with the Rust toolchain"; return 1; }
    command -v promtool > /dev/null || missing+=(prometheus)
    command -v prometheus-alertmanager > /dev/null || missing+=(prometheus-alertmanager)
    command -v chromium > /dev/null || missing+=(chromium)
    command -v go > /dev/null || missing+=(golang-go)
    command -v valgrind > /dev/null || missing+=(valgrind)
    command -v redis-server > /dev/null || missing+=(redis-server)
    command -v strace > /dev/null || missing+=(strace)
    command -v objcopy > /dev/null || missing+=(binutils)
    command -v tmux > /dev/null || missing+=(tmux)
    command -v node > /dev/null || missing+=(nodejs)
    command -v npm > /dev/null || missing+=(npm)
    # Its server is in a folder that is not in the path.
    command -v initdb > /dev/null || compgen -G "/usr/lib/postgresql/*/bin/initdb" > /dev/null || missing+=(postgresql)
    if [ "${#missing[@]}" -gt 0 ]; then
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
    fi
    python3 -c 'import prometheus_client, hdrh, opentelemetry.proto' 2> /dev/null ||
        python3 -m pip install --quiet prometheus_client hdrhistogram opentelemetry-proto
    install_packages_of_npm
    promtool --version 2>&1 | head -1
}

install_packages_of_npm() {
    local packages=(ajv@8.20.0 axe-core@4.14.1 pixelmatch@7.1.0 playwright-core@1.65.1 pngjs@7.0.0 pprof-format@2.3.2
        speedscope@1.25.0 ts-json-schema-generator@2.10.0 @grafana/schema@13.2.3) package
    for package in "${packages[@]}"; do
        if ! node -e "require('${package%@*}/package.json')" 2> /dev/null; then
            mkdir -p "$TARGET/npm"
            npm install --prefix "$TARGET/npm" --no-save --no-audit --no-fund --ignore-scripts --loglevel=error "${packages[@]}" > /dev/null
            return
        fi
    done
}

# What users get without asking: few crates, and none that breaks type inference.
check_tree() {
    local tree count
    tree=$(cargo tree -p perf-sdk -e normal --prefix none --no-dedupe | sed 's/ (.*//' | sort -u)
    count=$(printf '%s\n' "$tree" | wc -l)
    echo "$count crates"
    [ "$count" -le 90 ] || { echo "the default tree must have 90 crates at most"; return 1; }
    if printf '%s\n' "$tree" | grep -q '^tikv-jemalloc'; then
        echo "jemalloc is in the default tree: it takes two thirds of the time of all the rest to build"
        return 1
    fi
    if printf '%s\n' "$tree" | grep -q '^serde_json '; then
        echo "serde_json is in the default tree"
        return 1
    fi
    for name in $(printf '%s\n' "$tree" | cut -d' ' -f1); do
        grep -q "\`$name\`" docs/dependencies.md || { echo "$name is in the default tree, and not in docs/dependencies.md"; return 1; }
    done
    ! printf '%s\n' "$tree" | grep '^paste ' || { echo "paste is in the default tree, and nobody keeps it up"; return 1; }
}

# Known weaknesses and crates that nobody keeps up. The database is a Git repository, which not
# every machine can fetch.
check_advisories() {
    if ! command -v cargo-deny > /dev/null; then
        echo "SKIPPED: no cargo-deny; checked by hand: docs/dependencies.md"
    elif ! timeout 120 cargo deny fetch db 2> /dev/null; then
        echo "SKIPPED: the advisory database cannot be fetched; checked by hand: docs/dependencies.md"
    else
        cargo deny check advisories
    fi
}

# The recorder on one thread, its arena, histograms and index, as an interpreter that knows undefined behaviour runs them.
run_miri() {
    if ! cargo +nightly miri --version 2> /dev/null && ! rustup component add --toolchain nightly miri rust-src; then
        echo "SKIPPED: this machine has no nightly toolchain with miri"
        return
    fi
    MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-ignore-leaks" cargo +nightly miri test -p perf-sdk --no-default-features --features pool --lib \
        -- --skip history:: record:: histogram::page histogram::shard histogram::shared scope:: pool::arena::bins pool::buffer pool::bump pool::object pool::parts
}

# Leaks that were published: confirmed in the releases that have them, and none in those that do not.
run_leaks() {
    # With jemalloc, as the tests built it.
    unset JEMALLOC_OVERRIDE
    cargo run --quiet --target-dir "$TARGET" --manifest-path tests/leaks/leaky/Cargo.toml -- confirmed
    cargo run --quiet --target-dir "$TARGET" --manifest-path tests/leaks/fixed/Cargo.toml -- none
}

# One run on dhat's exact allocator: it writes its file.
run_exact() {
    local folder
    folder=$(mktemp -d)
    # With the whole workspace, so that its dependencies are those of the tests; not optimised, since
    # what is timed here is the compiler.
    cargo build --workspace --example quickstart --features perf-sdk/dhat --config profile.dev.package.perf-sdk.opt-level=0
    (cd "$folder" && "$TARGET/debug/examples/quickstart" < /dev/null)
    grep -q '"dhatFileVersion": 2' "$folder/dhat-heap.json"
    rm -r "$folder"
}

# Planted programs for SQLite and PostgreSQL. SQLite is compiled with them, not optimised.
run_databases() {
    cargo test --quiet --manifest-path tests/databases/Cargo.toml --target-dir "${CARGO_TARGET_DIR:-$TARGET}"
}

# Another C library: stacks of a program as it is built, and of one without what only its file has.
run_musl() {
    local target=x86_64-unknown-linux-musl folder program
    if ! rustup target add "$target" 2> /dev/null; then
        echo "SKIPPED: the target $target cannot be added"
        return
    fi
    folder=${CARGO_TARGET_DIR:-$TARGET}/$target/debug
    program=perf-sdk-musl
    cargo build --quiet --manifest-path tests/musl/Cargo.toml --target "$target" --target-dir "${CARGO_TARGET_DIR:-$TARGET}"
    "$folder/$program" whole
    mkdir -p "$folder/bare"
    # Its names are in a file beside it.
    objcopy --only-keep-debug "$folder/$program" "$folder/bare/$program.debug"
    objcopy --strip-all --add-gnu-debuglink="$folder/bare/$program.debug" "$folder/$program" "$folder/bare/$program"
    "$folder/bare/$program" bare
}

# The examples, of which the tests built most parts. The README runs them optimised, which would
# compile all that they depend on once more.
run_examples() {
    local folder=$TARGET/debug/examples said
    # All of them: what they depend on is then built as for the tests, and is there.
    cargo build --workspace --examples
    "$folder/service" --seconds 3
    said=$("$folder/leak_hunt")
    echo "$said"
    # Of four ways to hold memory only the leak is named, besides the cache that said what it may hold.
    grep -q "^  confirmed Service::request → Service::log_in" <<< "$said"
    [[ $(grep -c "^  \(confirmed\|suspect\)" <<< "$said") == 1 ]]
    "$folder/arena"
    "$folder/pool"
}
