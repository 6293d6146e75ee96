"""Decodes one untrusted picture in a separate process: `python -I picture.py`.

Reads the picture from standard input. Writes a line of JSON, `{"width": …, "height": …}` as the
picture is shown, then the WebP without metadata, if it can. Before reading the first byte the
process drops everything that decoding does not need: it limits memory, time and writing, and a
system call filter (seccomp(2)) takes away files, network and other processes. If the kernel accepts
no filter, nothing is decoded. Imports none of our modules.
"""

import ctypes
import io
import json
import os
import platform
import resource
import signal
import struct
import sys
from contextlib import suppress
from typing import IO, Any, Final

from PIL import (
    AvifImagePlugin,
    GifImagePlugin,
    Image,
    ImageCms,
    ImageOps,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

LOADED: Final = (
    AvifImagePlugin, GifImagePlugin, JpegImagePlugin, MpoImagePlugin, PngImagePlugin,
    TiffImagePlugin, WebPImagePlugin,
)  # fmt: skip
MAX_MEMORY_BYTES: Final = 512 * 2**20
MAX_SECONDS: Final = 10
MAX_PIXELS: Final = 50_000_000
MAX_WEBP_BYTES: Final = 2**19
QUALITIES: Final = (80, 60, 40, 20)
ORIENTATION: Final = 0x0112  # of EXIF
TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_90,
}  # fmt: skip

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _MODE_FILTER = 1, 38, 22, 2
_ERRNO_EPERM, _ALLOW = 0x00050001, 0x7FFF0000
# By machine: the architecture as filters see it, and the numbers of read, write, close, fstat,
# lseek, mmap, mprotect, munmap, brk, rt_sigaction, rt_sigprocmask, rt_sigreturn, readv, writev,
# sched_yield, mremap, madvise, getpid, exit, gettimeofday, getrusage, sigaltstack, gettid, futex,
# sched_getaffinity, restart_syscall, clock_gettime, clock_getres, clock_nanosleep, exit_group,
# getrandom, rseq, getcwd (Pillow asks where it is).
_SYSTEM_CALLS: Final = {
    "x86_64": (
        0xC000003E,
        (0, 1, 3, 5, 8, 9, 10, 11, 12, 13, 14, 15, 19, 20, 24, 25, 28, 39, 60, 96, 98, 131, 186,
         202, 204, 219, 228, 229, 230, 231, 318, 334, 79),
    ),
    "aarch64": (
        0xC00000B7,
        (63, 64, 57, 80, 62, 222, 226, 215, 214, 134, 135, 139, 65, 66, 124, 216, 233, 172, 93,
         169, 165, 132, 178, 98, 123, 128, 113, 114, 115, 94, 278, 293, 17),
    ),
}  # fmt: skip


class _Program(ctypes.Structure):
    """struct sock_fprog"""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def give_up_rights() -> None:
    """Raises OSError if the kernel accepts no filter, KeyError on an unknown machine."""
    os.nice(10)  # chat traffic takes priority
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")  # if memory runs out, this process may be killed
    for limit, most in (
        (resource.RLIMIT_AS, MAX_MEMORY_BYTES),
        (resource.RLIMIT_CPU, MAX_SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (most, most))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    instructions = _filter(*_SYSTEM_CALLS[platform.machine()])
    program = _Program(len(instructions) // 8, instructions)
    for call in (
        (_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
        (_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program), 0, 0),
    ):
        if libc.prctl(*call) != 0:
            raise OSError(ctypes.get_errno(), "the kernel takes no filter of system calls")


def _filter(architecture: int, allowed: tuple[int, ...]) -> bytes:
    """A BPF program: allows these calls of this architecture; all others fail with EPERM."""
    load, jump_equal, give = 0x20, 0x15, 0x06
    last = len(allowed) + 1
    program = [
        (load, 0, 0, 4),  # seccomp_data.arch
        (jump_equal, 0, last, architecture),
        (load, 0, 0, 0),  # seccomp_data.nr
    ]
    for place, number in enumerate(allowed):
        program.append((jump_equal, len(allowed) - place, 0, number))
    program += [(give, 0, 0, _ERRNO_EPERM), (give, 0, 0, _ALLOW)]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


def show(source: IO[bytes], kind: str, side: int, *, square: bool, out: IO[bytes]) -> None:
    """`kind` is Pillow's name for the format; no side of the result is longer than `side`."""
    picture: Image.Image = Image.open(source, formats=[kind])
    orientation = _orientation(picture)
    width, height = picture.size if orientation < 5 else picture.size[::-1]
    out.write(json.dumps({"width": width, "height": height}).encode() + b"\n")
    out.flush()
    if width * height > MAX_PIXELS:
        return
    picture.draft("RGB", (side, side))
    if square:
        picture = ImageOps.fit(_plain(picture), (side, side))
    else:
        picture.thumbnail((side, side), reducing_gap=2.0)
    if orientation in TURNS:
        picture = picture.transpose(TURNS[orientation])
    out.write(_encode(_in_srgb(_plain(picture), picture.info.get("icc_profile"))))
    out.flush()


def _orientation(picture: Image.Image) -> int:
    """The camera's orientation: one of `TURNS`, or 1 if EXIF has none that is readable."""
    try:
        # Not PNG's own method, which decodes the whole picture to read what follows it.
        said = Image.Image.getexif(picture).get(ORIENTATION)
    except Exception:  # whatever Pillow raises for malformed data
        return 1
    return said if said in TURNS else 1


def _plain(picture: Image.Image) -> Image.Image:
    """In a mode that WebP supports."""
    if picture.mode in ("RGB", "RGBA"):
        return picture
    if picture.mode.startswith("I"):  # 16 bits a pixel
        scaled = picture.convert("I").point(lambda value: value * (1 / 256))
        return scaled.convert("L").convert("RGB")
    has_alpha = picture.mode in ("LA", "PA", "La", "RGBa") or "transparency" in picture.info
    return picture.convert("RGBA" if has_alpha else "RGB")


def _in_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """The result has no profile, so its colours have to be sRGB."""
    if not profile:
        return picture
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        found = ImageCms.profileToProfile(
            picture, source, ImageCms.createProfile("sRGB"), outputMode=picture.mode
        )
    except (ImageCms.PyCMSError, OSError):  # an unusable profile
        return picture
    return found or picture


def _encode(picture: Image.Image) -> bytes:
    """In the best quality that fits."""
    for quality in QUALITIES:
        encoded = io.BytesIO()
        picture.save(encoded, "WEBP", quality=quality, method=4, exif=b"", icc_profile=b"")
        if encoded.tell() <= MAX_WEBP_BYTES:
            break
    return encoded.getvalue()


def _rehearse(kind: str) -> None:
    """Loads what Pillow and Python load lazily, while files can still be opened."""
    Image.preinit()
    sample = io.BytesIO()
    options: dict[str, Any] = (
        {"exif": b"Exif\0\0" + Image.Exif().tobytes()} if kind != "GIF" else {}
    )
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.new("RGB", (16, 16)).save(sample, kind, icc_profile=profile, **options)
    show(sample, kind, 8, square=True, out=io.BytesIO())


def main() -> None:
    kind, side, shape = sys.argv[1:]
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # more cannot be started
    Image.MAX_IMAGE_PIXELS = None  # checked above, with an answer
    _rehearse(kind)
    try:
        give_up_rights()
    except (OSError, KeyError) as error:
        sys.exit(f"no filter: {error}")
    data = io.BytesIO(sys.stdin.buffer.read())
    show(data, kind, int(side), square=shape == "square", out=sys.stdout.buffer)


if __name__ == "__main__":
    main()
