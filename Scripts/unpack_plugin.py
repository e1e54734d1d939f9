"""Unpacks the PJRT plugin and its header from a verified wheel, and checks that it loads.

    unpack_plugin.py WHEEL FOLDER
"""

import ctypes
import pathlib
import shutil
import sys
import zipfile

MEMBERS = {
    "xla_plugins/xla_cpu_pjrt/xla_cpu_pjrt.so": "xla_cpu_pjrt.so",
    "xla_plugins/xla_cpu_pjrt/include/pjrt_c_api.h": "include/pjrt_c_api.h",
}


def main() -> None:
    wheel, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    try:
        with zipfile.ZipFile(wheel) as archive:
            for member, name in MEMBERS.items():
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(member) as source, target.open("wb") as file:
                    shutil.copyfileobj(source, file, length=1 << 20)
        plugin = folder / "xla_cpu_pjrt.so"
        plugin.chmod(0o755)
        ctypes.CDLL(str(plugin.resolve())).GetPjrtApi
    except (OSError, KeyError, AttributeError, zipfile.BadZipFile) as error:
        sys.exit(f"{wheel.name}: {error}")


if __name__ == "__main__":
    main()
