# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""gategen.py - decides which domains and edges an image has.

Interface: plan(manifest, address_map) -> Plan, with domains, components, exports and edges; every later step only writes down what stands here.
Invariant: an edge exists because linked code uses it (or the monitor starts it), never because somebody could want it.
Errors are GateError: both sides, both values, what to change.
"""
import glob
import json
import os
import re
from dataclasses import dataclass, field

import objects
from prototypes import Function, GateError, Parameter, devices, lent, scan

DOMAIN_NUCLEUS, DOMAIN_MONITOR, DOMAIN_FIRST = 0, 1, 2
# Absolute symbols of the linker script, and what the build writes into every domain.
LINKER_SYMBOLS = {"public_area", "owner_table", "chunk_class", "arena"}
DOMAIN_SYMBOLS = {"domain_self", "domain_heap_start", "domain_heap_end", "domain_copied",
                  "domain_injects", "domain_inject_count"}
TABLE_SYMBOLS = {"domain_table", "domain_count", "edge_table", "edge_count"}
COMPONENT_TABLES = {"component_table", "component_count", "thread_table", "thread_entry_count", "device_table", "device_count",
                    "probe_table", "symbol_table", "symbol_table_bytes", "inject_table", "inject_canaries", "inject_canary_count",
                    "inject_syscall_site"}
INJECT_HEADER = "core/include/inject.h"
FLOOR_SYMBOLS = {"gate_floor", "gate_wrpkru"}


def core_headers(component, strict, inject):
    """The headers of core/include and shared-heap in which monitor or nucleus exports something in this image."""
    out = []
    folders = ["core/include", "shared-heap"] + ["shared-heap/strict"] * strict
    for path in sorted(path for folder in folders for path in glob.glob(f"{folder}/*.h")):
        if path == INJECT_HEADER and not inject:
            continue
        with open(path, encoding="utf-8") as text:
            if re.search(rf"^(BLOCKS )?GATE(_GIVES)?\({component}\)", text.read(), re.MULTILINE):
                out.append(path)
    return out


def declares(headers, name):
    """Does one of these headers, which nobody compiled, export a function of this name?"""
    for path in headers:
        with open(path, encoding="utf-8") as text:
            if re.search(rf"^[^/\n]*GATE(_GIVES)?\(\w+\)[^;]*\b{name}\(", text.read(), re.MULTILINE):
                return True
    return False


READING = "monitor_reading_"  # and a domain's name: the resume stub of the phase in the monitor that reads its list


def reading_pkru(monitor_pkru, pkey):
    """The rights of that phase of a GATE_GIVES gate: the monitor's, and the giver's key to read."""
    return monitor_pkru & ~(3 << 2 * pkey) | 2 << 2 * pkey


@dataclass
class Component:
    name: str
    headers: list
    lock: str
    gate: str
    stack_kib: int
    heap_kib: int
    shared_kib: int
    shared_objects: int
    object: str
    interfaces: set
    uses: set
    include: list = field(default_factory=list)
    devices: list = field(default_factory=list)
    symbols: objects.Symbols = None
    exports: dict = field(default_factory=dict)
    domain: object = None
    missing_init: bool = False

    @property
    def serial(self):
        return self.lock == "serial"


STACK_SHARED_KIB = 120         # what check_memory() allows, for components that share a stack


@dataclass
class Domain:
    name: str
    id: int
    pkey: int
    pkru: int
    components: list = field(default_factory=list)
    imports: set = field(default_factory=set)     # functions of other domains that its code uses
    local: set = field(default_factory=set)       # exports of its own that code of its other components (or lib) uses
    tokens: int = 0
    persist_bytes: int = 0                        # layout.measure() finds it out

    @property
    def stack_kib(self):
        """Calls between components of one domain nest on one stack, so their needs add up, as far as the map has room."""
        needs = [c.stack_kib for c in self.components] or [16]
        return max(max(needs), min(sum(needs), STACK_SHARED_KIB))

    @property
    def heap_kib(self):
        return sum(c.heap_kib for c in self.components)

    def shared_max(self, arena_bytes):
        """(bytes, objects) of the shared heap that it may have taken: no domain alone can starve all others."""
        bytes_most, objects_most = arena_bytes // 4 * 3, arena_bytes // 256 // 4 * 3
        return (min(sum(c.shared_kib * 1024 or bytes_most for c in self.components), bytes_most),
                min(sum(c.shared_objects or objects_most for c in self.components), objects_most))


@dataclass
class Edge:
    function: Function
    caller: Domain
    callee: Domain
    kind: str                  # NONE LIGHT FULL GIVE GIVES NUCLEUS
    name: str
    entry: str
    id: int = 0
    ctok: int = 0
    ktok: int = 0
    mtok: int = 0

    @property
    def label(self):
        return f"gate_{self.caller.name}_{self.name}"


class Plan:
    def __init__(self, manifest, address_map):
        self.manifest = manifest
        self.map = address_map                   # numbers of address_map_asm.h and slots_asm.h
        self.mpk = manifest["backend"] == "mpk"
        self.system_calls = self.mpk or manifest["platform"] == "pc"  # the monitor enters the nucleus by a gate
        self.exports = {}                        # function name -> (Function, Component)
        self.edges = []
        self.archives = {}                       # member -> Symbols, of lib and the heap's client side
        self.devices = devices(manifest)
        self.read_components()
        self.read_exports()
        self.place()
        self.resolve()
        self.order_components()
        self.make_edges()

    # ---- components and what they export

    def read_components(self):
        manifest = self.manifest
        self.components = []
        for item in manifest["components"]:
            if not item:
                continue
            if item["lock"] not in ("serial", "reentrant"):
                raise GateError(f"{item['name']} ({item['dir']}/Makefile): lock '{item['lock']}'; say serial or reentrant")
            if not re.fullmatch(r"[a-z]\w*", item["name"]):
                raise GateError(f"{item['name']} ({item['dir']}/Makefile): a component's name is a C identifier in lower case")
            self.components.append(Component(item["name"], item["headers"], item["lock"], item["gate"], item["stack_kib"],
                                             item["heap_kib"], item["shared_kib"], item["shared_objects"],
                                             item["object"], {item["name"], item["provides"]},
                                             set(item["uses"]), item["include"], item["devices"]))
        core = manifest["monitor"]
        self.monitor = Component("monitor", core_headers("monitor", manifest["strict"], manifest["inject"]), "reentrant", core["gate"],
                                 core["stack_kib"], core["heap_kib"],
                                 0, 0, core["object"], {"monitor"}, set())
        self.nucleus = Component("nucleus", core_headers("nucleus", manifest["strict"], manifest["inject"]), "reentrant", "full", 16, 0,
                                 0, 0, manifest["nucleus"]["object"], {"nucleus"}, set())
        for component in self.everyone():
            component.symbols = objects.object_symbols(component.object)
        for archive in manifest["archives"]:
            self.archives.update(objects.archive_members(archive))

    def everyone(self):
        return [self.nucleus, self.monitor] + self.components

    def read_exports(self):
        for component in self.everyone():
            for header in component.headers:
                if not os.path.exists(header):
                    raise GateError(f"{component.name}: its public header {header} does not exist")
            for function in scan(component.headers, component.include, self.manifest):
                if function.component not in component.interfaces and component in (self.nucleus, self.monitor):
                    continue
                if function.component not in component.interfaces:
                    raise GateError(f"{function.place}: {function.name} says GATE({function.component}), but the header is that of "
                                    f"{' or '.join(sorted(component.interfaces))}; correct the name, or {component.name}-provides")
                self.add_export(function, component)
            self.add_init(component)
            self.check_signatures(component)
        self.check_devices()

    def add_export(self, function, component):
        if function.name in self.exports:
            other, owner = self.exports[function.name]
            raise GateError(f"{function.name} is exported by {owner.name} ({other.place}) and by {component.name} ({function.place}); "
                            "enable one of them, or rename one")
        if function.name not in component.symbols.defined:
            if function.name == f"{component.name}_init":
                component.missing_init = True
            else:
                raise GateError(f"{function.place}: {component.name} exports {function.name}, but none of its sources defines it; "
                                "implement it, or remove the prototype")
        self.exports[function.name] = (function, component)
        component.exports[function.name] = function

    def add_init(self, component):
        """The monitor starts every component by its init; one that declares none gets one all the same."""
        name = f"{component.name}_init"
        if component in (self.nucleus, self.monitor) or name in component.exports:
            return
        component.missing_init = name not in component.symbols.defined
        parameters = [Parameter("generation", "uint32_t generation", kind="uint4"),
                      Parameter("persist_valid", "int persist_valid", kind="int4")]
        function = Function(name, component.name, component.headers[0], component.headers[0], "int", 4, parameters)
        self.exports[name] = (function, component)
        component.exports[name] = function

    def check_signatures(self, component):
        with open(os.path.splitext(component.object)[0] + ".json", encoding="utf-8") as text:
            signatures = json.load(text)
        for function in component.exports.values():
            found = signatures.get(function.name)
            if found is None:
                continue
            wanted = [p.kind for p in function.parameters]
            if found["parameters"] != wanted or found["result"] != f"int{function.result_bytes}":
                raise GateError(f"{function.place}: {function.name} is declared ({', '.join(wanted) or 'void'}) -> int{function.result_bytes}, "
                                f"but {component.name} implements ({', '.join(found['parameters']) or 'void'}) -> {found['result']}; "
                                "include the header where it is implemented, and make both the same")

    def check_devices(self):
        self.device_owner = {}
        for component in self.components:
            for device in component.devices:
                if device not in self.devices:
                    raise GateError(f"{component.name} wants {device}, which enum device_id (core/include/device.h) does not have: "
                                    f"{', '.join(self.devices)}")
                if device in self.device_owner:
                    raise GateError(f"{device} is wanted by {self.device_owner[device].name} and by {component.name}; enable one of them")
                self.device_owner[device] = component

    # ---- domains

    def place(self):
        def pkru(*allowed, readable=()):
            value = 0x55555555
            for key in tuple(allowed) + tuple(readable):
                value &= ~(1 << 2 * key)
            for key in readable:
                value |= 2 << 2 * key
            return value if self.mpk else 0

        arena, public = self.map["PKEY_ARENA"], self.map["PKEY_PUBLIC"]
        self.nucleus.domain = Domain("nucleus", DOMAIN_NUCLEUS, 0, pkru(0, public), [self.nucleus])
        self.monitor.domain = Domain("monitor", DOMAIN_MONITOR, 1 if self.mpk else 0, pkru(1, arena, public), [self.monitor])
        self.domains = [self.nucleus.domain, self.monitor.domain]
        chosen = {}
        for component, item in zip(self.components, [i for i in self.manifest["components"] if i]):
            chosen.setdefault(item["domain"] if self.mpk else "system", []).append(component)
        if not chosen:
            raise GateError("no component is enabled; an image needs at least sched (CONFIG_SCHED=y)")
        for name, members in sorted(chosen.items()):
            if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or name in ("nucleus", "monitor"):
                raise GateError(f"domain name '{name}' of {members[0].name} (CONFIG_{members[0].name.upper()}_DOMAIN): use lower-case "
                                "letters, digits and '_', and not nucleus or monitor")
        room = self.map["DOMAIN_MAX"] - DOMAIN_FIRST
        if len(chosen) > room:
            claims = "; ".join(f"{name}: {', '.join(c.name for c in members)}" for name, members in sorted(chosen.items()))
            raise GateError(f"{len(chosen)} domains want a protection key, but there are {room}: {claims}. Give some components the same "
                            "CONFIG_<NAME>_DOMAIN")
        for number, (name, members) in enumerate(sorted(chosen.items()), DOMAIN_FIRST):
            key = number if self.mpk else 0
            domain = Domain(name, number, key, pkru(key, arena, readable=(public,)), members)
            for component in members:
                component.domain = domain
            self.domains.append(domain)
        self.by_name = {domain.name: domain for domain in self.domains}
        for domain in self.domains:
            self.check_memory(domain)

    def check_memory(self, domain):
        """Its part of the address map is large enough for what its components ask for."""
        heap = self.map["HEAP_AREA_BYTES"] // 1024
        if domain.heap_kib > heap:
            claims = "; ".join(f"CONFIG_{c.name.upper()}_HEAP_KIB={c.heap_kib}" for c in domain.components)
            raise GateError(f"domain {domain.name} wants {domain.heap_kib} KiB of heap, but the address map has {heap} KiB for each domain: "
                            f"{claims}. Lower one, or place a component elsewhere")

    # ---- who uses what

    def resolve(self):
        self.providers = {name: member for member, symbols in self.archives.items() for name in symbols.defined}
        for domain in self.domains:
            self.resolve_domain(domain)

    def resolve_domain(self, domain):
        """Follows undefined names through lib, the heap's client side and the stubs to the functions of other components."""
        providers = self.providers
        defined = set().union(*(c.symbols.defined for c in domain.components)) | LINKER_SYMBOLS | DOMAIN_SYMBOLS
        wanted = [(name, component) for component in domain.components for name in sorted(component.symbols.undefined)]
        if domain.id >= DOMAIN_FIRST and self.manifest["probe"]:
            wanted.append(("domain_probe", None))
        if domain.id >= DOMAIN_FIRST and self.manifest["inject"]:
            wanted += [(name, None) for name in ("domain_inject_tick", "inject_entry", "inject_init", "inject_call", "inject_returned")]
        for component in domain.components:
            if component.serial:
                wanted += [("component_lock_acquire", None), ("component_lock_release", None)]
            if any(self.needs_callee_stub(f) for f in component.exports.values()):
                wanted += [(name, None) for name in
                           ("memcpy", "xheap_check", "xheap_pass_open", "xheap_pass_export", "xheap_give_arrived")]
            if self.manifest["strict"] and any(f.give for f in component.exports.values()):
                wanted.append(("xheap_claim_one", None))
        used_members, seen = set(), set()
        domain.raw = set()
        while wanted:
            name, user = wanted.pop(0)
            if (name, user.name if user else None) in seen:
                continue
            seen.add((name, user.name if user else None))
            if name in self.exports:
                self.use(domain, name, user, wanted)
            elif name in providers and not (user is None and name in defined):
                if name not in defined or user is None:
                    if providers[name] not in used_members:
                        used_members.add(providers[name])
                        wanted += [(other, None) for other in sorted(self.archives[providers[name]].undefined)]
            elif name in LINKER_SYMBOLS or name in DOMAIN_SYMBOLS or (user is None and name in defined):
                pass
            elif user is None or not self.raw_allowed(domain, name):
                raise GateError(self.unknown(name, user, domain))

    def use(self, domain, name, user, wanted):
        function, provider = self.exports[name]
        if provider is user:
            return
        if provider is self.nucleus and domain is not self.monitor.domain:
            raise GateError(f"{user.name if user else 'lib'} (domain {domain.name}) calls {name}: only the monitor may call the nucleus; "
                            "use the monitor's function in core/include/thread.h or device.h")
        if user and user in self.components and provider in self.components and not provider.interfaces & user.uses:
            raise GateError(f"{user.name} calls {name} of {provider.name}, which it does not declare; add {provider.name} to {user.name}-uses")
        if provider.domain is domain:
            domain.local.add(name)
            if function.gives:
                wanted += [("xheap_pass_open", None), ("xheap_pass_publish", None)]
        else:
            domain.imports.add(name)
            if self.needs_caller_stub(domain, function):
                wanted += [(other, None) for other in
                           ("memcpy", "xheap_lend_begin", "xheap_lend_end", "xheap_alloc", "xheap_free")]
                if self.manifest["strict"] and lent(function):
                    wanted += [("xheap_loan_begin", None), ("xheap_loan_end", None)]
                wanted += [("xheap_give_begin", None)] * function.give + [("xheap_pass_accept", None)] * function.gives

    def raw_allowed(self, domain, name):
        """Names that the trusted code shares without a gate, and the tables that the build writes."""
        if name in TABLE_SYMBOLS and domain.id < DOMAIN_FIRST or name in COMPONENT_TABLES and domain.id == DOMAIN_MONITOR:
            return True
        if name in FLOOR_SYMBOLS:
            if not self.manifest["floor"]:
                raise GateError(f"domain {domain.name} uses {name}; set CONFIG_BENCH_FLOOR=y")
            self.floor_domain = domain
            return True
        if domain.id < DOMAIN_FIRST:
            domain.raw.add(name)
            return True                          # monitor_upcall, gate_die, bounds of the linker script: the final link decides
        return False

    def unknown(self, name, user, domain):
        owners = [c for c in self.everyone() if c is not user and name in c.symbols.defined]
        who = f"{user.name} (domain {domain.name})" if user else f"lib (for domain {domain.name})"
        if owners:
            return (f"{who} uses {name}, which is private to {owners[0].name}; declare it with GATE({owners[0].name}) in "
                    f"{owners[0].headers[0]}, or do without it")
        for item in self.manifest["disabled"]:
            if item and declares(item["headers"], name):
                return f"{who} uses {name}, which {item['name']} exports, but CONFIG_{item['name'].upper()} is off; enable it, or do without it"
        return f"{who} uses {name}, which no enabled component exports and lib does not have"

    # ---- stubs

    def needs_caller_stub(self, domain, function):
        if not self.mpk or function.component == "nucleus":
            return False
        return function.has_pointers or function.gives

    def needs_callee_stub(self, function):
        return self.mpk and function.component != "nucleus" and (function.has_pointers or function.gives)

    def is_hooked(self, function):
        """Does a wrapper ask at its start whether to go wrong (core/include/inject.h)?"""
        return self.manifest["inject"] and function.component not in ("monitor", "nucleus") and not function.is_thread

    def body(self, function):
        """The symbol of an implementation, or of what may go wrong instead of it."""
        return f"{function.name}__{'hooked' if self.is_hooked(function) else 'impl'}"

    def locked(self, function):
        """The symbol of an implementation as seen by everybody outside its component."""
        return f"{function.name}__locked" if self.exports[function.name][1].serial else self.body(function)

    def entry(self, function):
        return f"{function.name}__gate" if self.needs_callee_stub(function) else self.locked(function)

    def target(self, domain, name):
        """What a use of an exported function means inside domain."""
        function, provider = self.exports[name]
        if provider.domain is domain:
            return f"{name}__local" if function.gives else self.locked(function)
        if domain is self.monitor.domain and not (self.system_calls if provider is self.nucleus else self.mpk):
            return self.locked(function)
        return f"{name}__stub" if self.needs_caller_stub(domain, function) else f"gate_{domain.name}_{name}"

    # ---- order and edges

    def order_components(self):
        """Callees first; a cycle is cut where it is entered, by name."""
        calls = {c.name: self.callees(c) for c in self.components}
        names = {c.name: c for c in self.components}
        done, out = set(), []

        def visit(name):
            if name in done or name not in names:
                return
            done.add(name)
            for callee in calls[name]:
                visit(callee)
            out.append(names[name])
        for name in sorted(names):
            visit(name)
        self.components = out

    def callees(self, component):
        """Names of the components that it calls, by itself or through lib."""
        wanted, seen, out = list(component.symbols.undefined), set(), set()
        while wanted:
            name = wanted.pop()
            if name in self.exports:
                out.add(self.exports[name][1].name)
            elif name in self.providers and self.providers[name] not in seen:
                seen.add(self.providers[name])
                wanted += self.archives[self.providers[name]].undefined
        return sorted(out - {component.name})

    def gives(self, domain):
        return self.mpk and any(edge.kind == "GIVES" and edge.callee is domain for edge in self.edges)

    def kind(self, function, provider):
        if provider is self.nucleus:
            return "NUCLEUS"
        if not self.mpk:
            return "NONE"
        return "GIVE" if function.give else "GIVES" if function.gives else provider.gate.upper()

    def add_edge(self, caller, name):
        function, provider = self.exports[name]
        self.edges.append(Edge(function, caller, provider.domain, self.kind(function, provider), name, self.entry(function)))

    def make_edges(self):
        for domain in self.domains:
            names = set(domain.imports)
            if domain is self.monitor.domain:
                if not self.mpk:                 # plain calls: aliases
                    names = {name for name in names if self.system_calls and self.exports[name][1] is self.nucleus}
                for component in self.components:
                    names |= {f.name for f in component.exports.values() if f.is_thread or f.name == f"{component.name}_init"}
            for name in sorted(names):
                self.add_edge(domain, name)
        if self.manifest["probe"]:
            self.add_probes()
        self.edges.sort(key=lambda e: (e.caller.id, e.callee.id, e.name))
        for number, edge in enumerate(self.edges):
            edge.id = number
            gives = edge.kind in ("GIVE", "GIVES")   # these have a token per pair of domains: see core/gates/give.S
            edge.ctok, edge.ktok = self.token(edge.caller, 2 if gives else 1), self.token(edge.callee, 2 if gives else 1)
            if gives:
                edge.mtok = self.token(self.monitor.domain, 3)

    def add_probes(self):
        parameters = [Parameter("address", "uintptr_t address", kind="uint8"), Parameter("write", "uint32_t write", kind="uint4")]
        for domain in self.domains[DOMAIN_FIRST:]:
            name = f"probe_{domain.name}"
            function = Function(name, domain.components[0].name, "lib/probe.c", "lib/probe.c", "int", 4, parameters)
            self.edges.append(Edge(function, self.monitor.domain, domain, "FULL" if self.mpk else "NONE", name, f"{name}__impl"))

    def token(self, domain, count):
        """The first of count token slots of its own in domain."""
        most = self.map["SLOT_EDGES_MAX"]
        if domain.tokens + count > most:
            raise GateError(f"domain {domain.name} is part of edges with more than {most} tokens (SLOT_EDGES_MAX); split it")
        domain.tokens += count
        return domain.tokens - count


def check_includes(manifest):
    """A component includes only headers of components that it declares (the dependency files say what it included)."""
    owner = {}
    for item in manifest["disabled"] + manifest["components"]:   # an interface's header belongs to the provider that is enabled
        for header in item.get("headers", []):
            owner[header] = item
    for item in manifest["components"]:
        allowed = set(item.get("uses", [])) | {item.get("name"), item.get("provides")} if item else set()
        for depfile in item.get("depfiles", []):
            try:
                with open(depfile, encoding="utf-8") as text:
                    included = text.read().replace("\\\n", " ").split()
            except OSError:
                continue
            for path in {os.path.normpath(word.rstrip(":")) for word in included}:
                other = owner.get(path)
                if other and other is not item and not {other["name"], other["provides"]} & allowed:
                    raise GateError(f"{item['name']} includes {path} of {other['name']}, which it does not declare; add "
                                    f"{other['name']} to {item['name']}-uses in {item['dir']}/Makefile")


def plan(manifest, address_map):
    check_includes(manifest)
    return Plan(manifest, address_map)
