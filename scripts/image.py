# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""image.py - from component objects to a verified image.

Usage: image.py [--verbose] <folder>/manifest.json. Writes <folder>/cloister.elf, audit.json and the intermediate files; docs/build.md
names the steps. Invariant: an image that the verifier refuses does not stay.
"""
import json
import os
import shutil
import sys

import gategen
import layout
import objects
import stubs
import symbols
import tables
import verify
from prototypes import GateError


# What brings an object into a domain: shared-heap/client_origins.c.
ORIGINS = ("xheap_alloc", "xheap_take", "xheap_take_all", "xheap_give_arrived")


class Image:
    def __init__(self, manifest):
        self.manifest = manifest
        self.out = os.path.join(manifest["out"], "link")
        os.makedirs(self.out, exist_ok=True)
        self.plan = gategen.plan(manifest, layout.address_map(manifest))

    def path(self, name):
        return os.path.join(self.out, name)

    def write(self, name, text):
        objects.write_if_changed(self.path(name), text)

    def compiler(self, source, flags=()):
        """Sources lie in the image's own folder; its name must not reach the debug information."""
        kind = "assemble" if source.endswith(".S") else "compile"
        mapping = [f"-ffile-prefix-map={self.out}=./build/link"]
        return self.manifest[kind] + mapping + list(flags) + ["-c", self.path(source), "-o", self.path(source[:-2] + ".o")]

    # ---- generated sources

    def generate(self):
        commands = [self.gates_command()]
        for domain in self.plan.domains:
            name = f"stubs_{domain.name}.c"
            self.write(name, stubs.domain_source(self.plan, domain))
            include = sorted({path for c in domain.components for path in c.include} |
                             {path for f in domain.imports | domain.local for path in self.plan.exports[f][1].include})
            commands.append(self.compiler(name, ["-I."] + [f"-I{path}" for path in include]))
        objects.run_all(commands, self.manifest["root"])
        self.globalise_gates()
        for name, for_monitor in (("tables_nucleus.c", False), ("tables_monitor.c", True)):
            self.write(name, tables.tables_source(self.plan, self.gate_symbols.defined, for_monitor))
        self.write("symbols.S", symbols.empty_source())
        objects.run_all([self.compiler(n) for n in ("tables_nucleus.c", "tables_monitor.c", "symbols.S")], self.manifest["root"])

    def gates_command(self):
        self.write("gates.S", tables.gates_source(self.plan))
        return self.compiler("gates.S")

    def globalise_gates(self):
        """The tables name labels inside gates."""
        wanted = objects.object_symbols(self.path("gates.o")).local
        words = tables.EDGE_LABELS + ("w1",) * self.manifest["inject"]
        names = [f"{e.label}_{word}" for e in self.plan.edges for word in words]
        names = [name for name in names if name in wanted]
        self.write("gates.labels", "".join(f"{name}\n" for name in names))
        if names:
            objects.run(["objcopy", "--globalize-symbols=gates.labels", "gates.o"], self.out)
        self.gate_symbols = objects.object_symbols(self.path("gates.o"))

    # ---- one object per domain

    def link_domain(self, domain):
        plan, inputs = self.plan, []
        for component in domain.components:
            inputs.append(self.component_object(component))
        inputs.append(f"stubs_{domain.name}.o")
        if domain.id < gategen.DOMAIN_FIRST:
            inputs.append(f"tables_{domain.name}.o")
        probe = domain.id >= gategen.DOMAIN_FIRST and self.manifest["probe"]
        archives = ["--start-group"] + self.manifest["archives"] + ["--end-group"]
        part = f"{domain.name}.part.o"
        options = ["-u", "domain_probe"] if probe else []
        if self.manifest["inject"] and domain.id >= gategen.DOMAIN_FIRST:
            options += ["-u", "domain_inject_tick"]
        if self.manifest["origins"] and domain.id >= gategen.DOMAIN_FIRST:
            options += [f"--wrap={name}" for name in ORIGINS]
        objects.run(["ld", "-r", "-o", part] + options + inputs + archives, self.out)
        names = {name: plan.target(domain, name) for name in sorted(domain.imports | domain.local)}
        if probe:
            names["domain_probe"] = f"probe_{domain.name}__impl"
        names["domain_gives"] = f"gives_{domain.name}"           # shared-heap/client_pass.c
        names["domain_lends"] = f"lends_{domain.name}"           # shared-heap/client_lend.c
        names["local_state"] = f"local_state_{domain.name}"      # shared-heap/client.c
        names["domain_origins"] = f"origins_{domain.name}"       # shared-heap/client_origins.c
        names["domain_injects"] = f"injects_{domain.name}"       # lib/inject.c
        names["domain_inject_tick"] = f"inject_tick_{domain.name}"
        objects.rename(part, part, names, self.out)
        objects.run(["ld", "-r", "-o", f"{domain.name}.whole.o", part], self.out)

    def component_object(self, component):
        """Implementations get their linked name; everything that is not exported becomes local."""
        renamed = f"{component.name}.component.o"
        names = stubs.pre_link_names(self.plan, component)
        objects.rename(component.object, renamed, names, self.out)
        if component not in (self.plan.nucleus, self.plan.monitor):
            objects.keep_global(renamed, renamed, {f"{name}__impl" for name in component.exports}, self.out)
        return renamed

    def localise(self):
        """Only what another part of the image needs stays global; for a domain, only its entries and its slots."""
        whole = {d.name: objects.object_symbols(self.path(f"{d.name}.whole.o")) for d in self.plan.domains}
        trusted = {"nucleus", "monitor"}
        for domain in self.plan.domains:
            if domain.name in trusted:
                others = [s for name, s in whole.items() if name != domain.name and (name in trusted or not self.plan.mpk)]
                wanted = set().union(*(s.undefined for s in others), self.gate_symbols.undefined)
                wanted |= {"nucleus_start"} if domain.id == 0 else set()
            else:
                wanted = {e.entry for e in self.plan.edges if e.callee is domain} | {f"slot_{domain.name}"}
                wanted |= {f"{what}_{domain.name}" for what in ("gives", "lends", "local_state", "origins", "injects", "inject_tick", "canary_front",
                                                                "canary_back")}
                wanted |= {f"canary_{component.name}" for component in domain.components}
                if not self.plan.mpk:
                    wanted |= {self.plan.target(self.plan.monitor.domain, name) for name in self.plan.monitor.domain.imports}
            objects.keep_global(f"{domain.name}.whole.o", f"{domain.name}.o", wanted & whole[domain.name].defined, self.out)

    # ---- the image

    def link(self, output):
        inputs = [f"{d.name}.o" for d in self.plan.domains] + ["gates.o", "symbols.o"]
        objects.run(["ld", "-static", "--build-id=none", "-z", "noexecstack", "-z", "max-page-size=0x1000", "--no-warn-rwx-segments",
                     "--orphan-handling=error", "--no-relax", "-T", "image.ld", "-o", output] + inputs, self.out)

    def build(self):
        self.generate()
        for domain in self.plan.domains:
            self.link_domain(domain)
        self.localise()
        layout.measure(self.plan, lambda domain: self.path(f"{domain.name}.whole.o"))
        for shift in layout.SHIFTS:
            try:
                self.place(shift)
                break
            except verify.VerifyError:
                if shift == layout.SHIFTS[-1]:
                    raise                       # it is no matter of distances
        image = os.path.join(self.manifest["out"], "cloister.elf")
        # gdb loads what lies beside the image under this name.
        shutil.copyfile(os.path.join(self.manifest["root"], "scripts/gdb/cloister-gdb.py"), image + "-gdb.py")
        os.replace(self.path("cloister.elf"), image)

    def place(self, shift):
        """One image, verified, with text and the domains' data moved (layout.SHIFTS)."""
        self.write("image.ld", layout.script(self.plan, shift))
        self.link("pass1.elf")
        self.write("symbols.S", symbols.source(self.path("pass1.elf"), self.plan.map["TEXT_BASE"]))
        objects.run_all([self.compiler("symbols.S")], self.manifest["root"])
        self.link("cloister.elf")
        layout.finish(self.path("cloister.elf"), self.plan)
        os.remove(self.path("pass1.elf"))
        audit = tables.audit(self.plan)
        with open(os.path.join(self.manifest["out"], "audit.json"), "w", encoding="utf-8") as out:
            json.dump(audit, out, indent=1)
            out.write("\n")
        verify.verify_image(self.path("cloister.elf"), audit, self.path("gates.o"))


def main():
    objects.VERBOSE = "--verbose" in sys.argv[1:]
    path = sys.argv[-1]
    with open(path, encoding="utf-8") as text:
        manifest = json.load(text)
    image = os.path.join(manifest["out"], "cloister.elf")
    if os.path.exists(image):
        os.remove(image)
    try:
        built = Image(manifest)
        built.build()
    except GateError as error:
        print(f"gategen: {error}", file=sys.stderr)
        return 1
    except verify.VerifyError as error:
        print(f"verify: {error}", file=sys.stderr)
        return 1
    except objects.ToolError as error:
        print(f"image: {error}", file=sys.stderr)
        return 1
    print(tables.key_table(built.plan))
    return 0


if __name__ == "__main__":
    sys.exit(main())
