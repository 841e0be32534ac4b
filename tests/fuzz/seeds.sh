#!/bin/sh
# Makes the first inputs of the targets that read files: object files from compilers and binutils. Needs
# rustc, gcc, objcopy and python3.
set -eu
cd "$(dirname "$0")"
mkdir -p seeds/elf seeds/dwarf seeds/unwind
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
cat > "$work/a.rs" <<'RUST'
#![no_std]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! { loop {} }
#[inline(always)]
fn inner(x: u64) -> u64 { let mut y = x; for n in 0..x { y ^= y.rotate_left(7).wrapping_mul(n); } y }
#[inline(always)]
fn middle(x: u64) -> u64 { inner(x) + inner(x / 2) }
#[unsafe(no_mangle)]
pub extern "C" fn outer(x: u64) -> u64 { middle(x).wrapping_add(other(x)) }
#[inline(never)]
fn other(x: u64) -> u64 { [1, 2, 3].iter().map(|n| inner(x ^ n)).fold(0, u64::wrapping_add) }
RUST
cat > "$work/a.c" <<'C'
static inline __attribute__((always_inline)) long inner(long x) { long y = x; while (x--) y ^= y * 7; return y; }
__attribute__((noinline, cold)) long other(long x) { return x < 0 ? other(-x) : inner(x) + inner(x / 2); }
long outer(long x) { return x ? other(x) + inner(x) : outer(x + 1); }
C
for version in 4 5; do
    RUSTC_BOOTSTRAP=1 rustc --edition 2024 -O -Cdebuginfo=2 -Zunstable-options -Cdwarf-version=$version -Cpanic=abort --crate-type cdylib \
        -Clink-arg=-nostdlib -o "$work/rust$version" "$work/a.rs"
    gcc -O2 -g -gdwarf-$version -shared -fPIC -nostdlib -Wl,--build-id -o "$work/c$version" "$work/a.c"
done
cd "$work"
for file in rust4 rust5 c4 c5; do
    objcopy --compress-debug-sections=zlib $file $file.zlib
    objcopy --compress-debug-sections=zlib-gnu $file $file.old
    objcopy --only-keep-debug $file $file.debug
    objcopy --strip-debug --add-gnu-debuglink=$file.debug $file $file.stripped
done
cd - > /dev/null
cp "$work"/rust4 "$work"/c4 "$work"/*5 "$work"/*.zlib "$work"/*.old "$work"/*.debug "$work"/*.stripped seeds/elf/
python3 - "$work" <<'PYTHON'
import struct, sys
NEEDED = ["abbrev", "addr", "aranges", "info", "line", "line_str", "ranges", "rnglists", "str", "str_offsets"]
for name in ["rust4", "rust5", "c4", "c5"]:
    file = open(f"{sys.argv[1]}/{name}", "rb").read()
    at, = struct.unpack_from("<Q", file, 40)
    count, names = struct.unpack_from("<HH", file, 60)
    headers = [struct.unpack_from("<IIQQQQIIQQ", file, at + n * 64) for n in range(count)]
    start = headers[names][4]
    sections, tables = {}, {}
    for header in headers:
        own = file[start + header[0]:].split(b"\0")[0].decode()
        sections[own] = file[header[4]:header[4] + header[5]] if header[1] != 8 else b""
    parts = [sections.get(f".debug_{name}", b"") for name in NEEDED]
    # No longer than a length of 16 bits.
    parts = [part[:0xffff] for part in parts]
    open(f"seeds/dwarf/{name}", "wb").write(b"".join(struct.pack("<H", len(part)) + part for part in parts))
    header, frame = sections.get(".eh_frame_hdr", b""), sections.get(".eh_frame", b"")
    open(f"seeds/unwind/{name}", "wb").write(b"\1" + struct.pack("<H", len(header)) + bytes(128) + header + frame)
PYTHON
