# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""prototypes.py - reads what headers export: GATE, GATE_GIVES, THREAD, BLOCKS and the words for pointers.

Interface: scan(headers, include, manifest) -> [Function], devices(manifest) -> names of enum device_id.
The preprocessor (-DGATE_SCAN) turns the words of gate.h into declarations that a C parser accepts; pycparser reads them.
Invariant: whatever cannot cross a gate is refused here, with the header, the function and what to change.
"""
import re
import subprocess
from dataclasses import dataclass, field

from pycparser import c_ast, c_generator, c_parser
from pycparser.plyparser import ParseError

SIGNED_RESULTS = {"int": 4, "long": 8, "long long": 8, "long int": 8, "long long int": 8, "signed": 4, "signed int": 4,
                  "signed long": 8}
ARGUMENTS_MAX = 6
DEFINES = ["-D__attribute__(x)=", "-D__extension__=", "-D__inline=inline", "-D__inline__=inline", "-D__restrict=restrict",
           "-D__volatile__=volatile", "-D__const=const", "-D__builtin_va_list=int", "-D__float128=double",
           "-D__asm__(...)=", "-D_Static_assert(...)=", "-D_Noreturn=", "-D_Alignas(x)=", "-D__int128=long"]


class GateError(Exception):
    """A declaration that cannot become a gate; the text names the place, both sides and what to change."""


@dataclass
class Parameter:
    name: str
    text: str                 # C declaration
    mode: str = ""            # lend_in, lend_out, lend_inout, copy_in, give, or "" for a value
    size: object = None       # AST of the size expression
    kind: str = ""            # as in dwarf.py
    is_pointer: bool = False


@dataclass
class Function:
    name: str
    component: str            # as written in GATE(...)
    header: str
    place: str
    result: str               # C text
    result_bytes: int
    parameters: list = field(default_factory=list)
    gives: bool = False
    blocks: bool = False
    priority: str = ""        # THREAD only: C text

    @property
    def is_thread(self):
        return self.priority != ""

    @property
    def has_pointers(self):
        return any(p.mode for p in self.parameters)

    @property
    def give(self):
        return any(p.mode == "give" for p in self.parameters)

    def declaration(self, name, result=None):
        inside = ", ".join(p.text for p in self.parameters) or "void"
        return f"{result or self.result} {name}({inside})"


def lent(function):
    return [p for p in function.parameters if p.mode and p.mode != "give"]


def strip_bodies(text):
    """Function bodies (static inline) become ';': they hold what a C parser without GNU extensions does not know."""
    out, depth, skipping, last = [], 0, 0, ""
    for token in re.findall(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|#[^\n]*\n|\w+|\s+|.', text):
        if skipping:
            skipping += (token == "{") - (token == "}")
            out.append("\n" * token.count("\n") if skipping or token != "}" else ";")
            continue
        if token == "{":
            if depth == 0 and last == ")":
                skipping = 1
                continue
            depth += 1
        elif token == "}":
            depth -= 1
        if not token.isspace():
            last = token
        out.append(token)
    return "".join(out)


def preprocess(headers, include, manifest):
    source = "".join(f'#include "{header}"\n' for header in headers)
    command = (["gcc", "-E", "-std=gnu11", "-ffreestanding", "-DGATE_SCAN", "-nostdinc"] + DEFINES +
               [f"-I{path}" for path in [".", "core/include", "shared-heap", "shared-heap/strict", "lib", *include]] +
               ["-isystem", manifest["compiler_include"], "-x", "c", "-"])
    done = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
    if done.returncode:
        raise GateError(f"the preprocessor refuses {' '.join(headers)}:\n{done.stderr.strip()}")
    return strip_bodies(done.stdout)


class Scanner:
    def __init__(self, headers, include, manifest):
        self.headers = set(headers)
        self.generator = c_generator.CGenerator()
        try:
            self.unit = c_parser.CParser().parse(preprocess(headers, include, manifest), "headers")
        except ParseError as error:
            raise GateError(f"{error}: the gate generator cannot parse this; public headers hold plain C declarations") from error
        self.typedefs, self.structs, self.enums, self.constants = {}, {}, {}, set()
        for node in self.unit.ext:
            self.collect(node)

    def collect(self, node):
        if isinstance(node, c_ast.Typedef):
            self.typedefs[node.name] = node.type
        for child in self.walk(node):
            if isinstance(child, (c_ast.Struct, c_ast.Union)) and child.decls is not None:
                self.structs[child.name] = child
            elif isinstance(child, c_ast.Enum) and child.values is not None:
                self.enums[child.name] = child
                self.constants |= {value.name for value in child.values.enumerators}

    def walk(self, node):
        yield node
        for _, child in node.children():
            yield from self.walk(child)

    def resolve(self, kind):
        """Through typedefs and declarator wrappers to the type that counts."""
        while True:
            if isinstance(kind, c_ast.TypeDecl):
                kind = kind.type
            elif isinstance(kind, c_ast.IdentifierType) and len(kind.names) == 1 and kind.names[0] in self.typedefs:
                kind = self.typedefs[kind.names[0]]
            else:
                return kind

    def reaches_function(self, kind, seen):
        kind = self.resolve(kind)
        if isinstance(kind, c_ast.FuncDecl):
            return True
        if isinstance(kind, (c_ast.PtrDecl, c_ast.ArrayDecl)):
            return self.reaches_function(kind.type, seen)
        if isinstance(kind, (c_ast.Struct, c_ast.Union)):
            if kind.name in seen:
                return False
            if kind.name:
                seen = seen | {kind.name}
                kind = self.structs.get(kind.name, kind)
            return any(self.reaches_function(member.type, seen) for member in kind.decls or [])
        return False

    def scalar_kind(self, kind):
        """dwarf.py's word for a resolved scalar; None when it is none."""
        if isinstance(kind, (c_ast.PtrDecl, c_ast.ArrayDecl)):
            return "pointer"
        if isinstance(kind, c_ast.Enum):
            return "uint4"
        if not isinstance(kind, c_ast.IdentifierType):
            return None
        names = list(kind.names)
        if "float" in names or "double" in names or "void" in names:
            return None
        sign = "uint" if "unsigned" in names or "_Bool" in names else "int"
        bytes_ = 1 if "char" in names or "_Bool" in names else 2 if "short" in names else 8 if "long" in names else 4
        return f"{sign}{bytes_}"

    def functions(self):
        blocks, gate, out = False, None, []
        for node in self.unit.ext:
            if isinstance(node, c_ast.Typedef) and node.name.startswith("gate_scan"):
                if node.name == "gate_scan_blocks":
                    blocks = True
                else:
                    gate = node
            elif gate is not None or blocks:
                if gate is None:
                    raise GateError(f"{node.coord.file}:{node.coord.line}: BLOCKS without GATE; write BLOCKS GATE(component) before the prototype")
                out.append(self.function(node, gate, blocks))
                blocks, gate = False, None
        return [function for function in out if function.header in self.headers]

    def function(self, node, gate, blocks):
        place = f"{node.coord.file}:{node.coord.line}"
        if not isinstance(node, c_ast.Decl) or not isinstance(node.type, c_ast.FuncDecl):
            raise GateError(f"{place}: GATE stands before something that is no function prototype")
        name = node.name
        word, component = re.fullmatch(r"gate_scan_(gives|thread)?_?_(\w+)", gate.name).groups()
        where = f"{place}: {name}"
        function = Function(name=name, component=component, header=node.coord.file, place=place, gives=word == "gives",
                            blocks=blocks, result=self.generator.visit(self.result_type(node)), result_bytes=0)
        if word == "thread":
            function.priority = self.generator.visit(gate.type.dim)
        function.result_bytes = self.check_result(node, where)
        self.parameters(node, function, where)
        if function.is_thread and function.parameters:
            raise GateError(f"{where}: a THREAD function takes no arguments")
        if function.give and function.gives:
            raise GateError(f"{where} both takes and gives objects; make two functions of it")
        return function

    def result_type(self, node):
        return c_ast.Typename(None, [], None, node.type.type) if not isinstance(node.type.type, c_ast.TypeDecl) else node.type.type.type

    def check_result(self, node, where):
        kind = self.resolve(node.type.type)
        text = " ".join(kind.names) if isinstance(kind, c_ast.IdentifierType) else type(kind).__name__
        if isinstance(kind, c_ast.IdentifierType) and text in SIGNED_RESULTS:
            return SIGNED_RESULTS[text]
        shown = {"PtrDecl": "a pointer", "Struct": "a struct", "Enum": "an enum"}.get(text, f"'{text}'")
        raise GateError(f"{where} returns {shown}: a gate returns a signed integer of at least 32 bits, where negative is an "
                        "error; return int or int64_t, and pass data through a lend_out pointer")

    def parameters(self, node, function, where):
        mode, size = "", None
        for item in (node.type.args.params if node.type.args else []):
            if isinstance(item, c_ast.EllipsisParam):
                raise GateError(f"{where} takes variable arguments: nobody can say what crosses; give it fixed parameters")
            kind = self.resolve(item.type)
            if item.name and item.name.startswith("gate_scan_"):
                if mode:
                    raise GateError(f"{where}: {mode} and {item.name[10:]} before one parameter; choose one")
                mode = item.name[10:]
                size = item.type.dim if isinstance(item.type, c_ast.ArrayDecl) else None
                continue
            if isinstance(kind, c_ast.IdentifierType) and kind.names == ["void"]:
                continue
            if not item.name:
                raise GateError(f"{where}: a parameter has no name; name it, so that sizes can refer to it")
            scalar = self.scalar_kind(kind)
            if self.reaches_function(item.type, frozenset()):
                raise GateError(f"{where}: a function pointer can be reached through parameter '{item.name}': code of one domain "
                                "must not be called by another; use a registered handle")
            if scalar is None:
                text = "a struct or union" if isinstance(kind, (c_ast.Struct, c_ast.Union)) else "no integer or pointer"
                raise GateError(f"{where}: parameter '{item.name}' is {text}: only integers and pointers cross; lend a pointer to it")
            function.parameters.append(self.parameter(item, scalar, mode, size, function, where))
            mode, size = "", None
        if len(function.parameters) > ARGUMENTS_MAX:
            raise GateError(f"{where} has {len(function.parameters)} parameters: at most {ARGUMENTS_MAX} cross in registers; "
                            "put them into a struct and lend it")
        names = {p.name for p in function.parameters}
        for parameter in function.parameters:
            if parameter.size is not None:
                self.check_size(parameter, names, where)

    def parameter(self, item, scalar, mode, size, function, where):
        pointer = scalar == "pointer"
        if mode and not pointer:
            raise GateError(f"{where}: {mode} stands before '{item.name}', which is no pointer")
        if pointer and not mode and function.component != "nucleus":
            raise GateError(f"{where}: pointer '{item.name}' crosses without saying how; write lend_in(bytes), lend_out(bytes), "
                            "lend_inout(bytes), copy_in(bytes) or give before it")
        if mode == "give" and function.parameters:
            raise GateError(f"{where}: the object that is given must be the first parameter")
        return Parameter(item.name, self.generator.visit(item), mode, size, scalar, pointer)

    def check_size(self, parameter, names, where):
        """Sizes are evaluated on both sides, exactly: sums and products of parameters and constants, no dereference.

        Checked for every declaration: a stub, where a C compiler would object, exists only for what somebody uses."""
        bad = None

        def known(name):
            nonlocal bad
            if name not in names and name not in self.constants:
                bad = bad or f"'{name}', which is neither a parameter nor an enumerator"

        def variables(node):
            nonlocal bad
            if isinstance(node, c_ast.BinaryOp):
                left, right = variables(node.left), variables(node.right)
                if node.op == "*":
                    if left + right > 2:
                        bad = "a product of more than two parameters"
                    return left + right
                if node.op != "+":
                    bad = f"'{node.op}'"
                return max(left, right)
            if isinstance(node, c_ast.ID):
                known(node.name)
                return 1 if node.name in names else 0
            if isinstance(node, c_ast.UnaryOp) and node.op == "sizeof":
                for inner in self.walk(node.expr):
                    if isinstance(inner, c_ast.ID) and not isinstance(node.expr, c_ast.Typename):
                        known(inner.name)
                return 0
            if isinstance(node, c_ast.Constant):
                return 0
            bad = f"'{self.generator.visit(node)}'"
            return 0

        variables(parameter.size)
        if bad:
            raise GateError(f"{where}: the size of '{parameter.name}' uses {bad}; it may use parameters ({', '.join(sorted(names))}), "
                            "constants, sizeof, + and *")

    def size_text(self, parameter, names):
        """The size as C over unsigned __int128, so that no product of two parameters can wrap."""
        def text(node):
            if isinstance(node, c_ast.BinaryOp):
                return f"({text(node.left)} {node.op} {text(node.right)})"
            if isinstance(node, c_ast.ID) and node.name in names:
                return f"(unsigned __int128){node.name}"
            return f"(unsigned __int128)({self.generator.visit(node)})"
        return text(parameter.size)


def scan(headers, include, manifest):
    scanner = Scanner(headers, include, manifest)
    functions = scanner.functions()
    for function in functions:
        names = {p.name for p in function.parameters}
        for parameter in function.parameters:
            if parameter.size is not None:
                parameter.size = scanner.size_text(parameter, names)
    return functions


def devices(manifest):
    scanner = Scanner(["core/include/device.h"], [], manifest)
    return [value.name for value in scanner.enums["device_id"].values.enumerators if value.name != "DEVICE_COUNT"]
