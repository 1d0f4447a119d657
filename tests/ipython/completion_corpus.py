r"""Positions at which completions are asked for: the corpus by which they are compared with IPython's own.

Each line of POSITIONS is code, with `¦` for the cursor and `\n` for a line break; SETUP has run before.
"""

from __future__ import annotations

__all__ = ["POSITIONS", "SETUP", "Place", "places"]

from collections.abc import Iterator
from typing import NamedTuple

SETUP = '''
import asyncio, collections, collections.abc, datetime, functools, itertools, json, math, os, os.path, pathlib
import random, re, string, sys, time
from collections import Counter, OrderedDict, defaultdict, namedtuple
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional
import enum, decimal, fractions, threading, types, logging
import xml.etree.ElementTree as ET

class Animal:
    """An animal."""
    legs = 4
    kinds: list[str] = ["cat", "dog"]
    def __init__(self, name: str, age: int = 0) -> None:
        self.name = name
        self.age = age
        self._secret = 1
    def speak(self, loud: bool = False, *words: str, end="!", **options) -> str:
        return self.name
    @property
    def label(self) -> str:
        return self.name
    @property
    def numbers(self):
        return [1]
    @classmethod
    def make(cls, name):
        return cls(name)
    @staticmethod
    def add(a, b=2):
        return a + b
    async def later(self):
        return self

class Dog(Animal):
    tail = 1.5
    def bark(self, times=3):
        return "wau " * times

class Colour(enum.Enum):
    RED = 1
    GREEN = 2

@dataclass
class Point:
    x: int
    y: float = 0.0
    tags: list = field(default_factory=list)
    def length(self) -> float:
        return (self.x ** 2 + self.y ** 2) ** 0.5

class Magic:
    def __getattr__(self, name):
        if name.startswith("dyn"):
            return name
        raise AttributeError(name)
    def __dir__(self):
        return ["dyn_one", "dyn_two"]

class Slotted:
    __slots__ = ("left", "right")
    def __init__(self):
        self.left = 1

class Caller:
    def __call__(self, x, y=1):
        return x

Pair = namedtuple("Pair", "first second")
def compute(alpha, beta=2, *rest, gamma: int = 3, **more) -> Animal:
    "Compute."
    return Animal("x")
def generate(n):
    for i in range(n):
        yield i
async def fetch(url: str, timeout: float = 1.0) -> dict:
    return {}
def plain(a, b): return a
twice = lambda v: v * 2
partial_compute = functools.partial(compute, 1)
animal = Animal("a")
dog = Dog("d")
point = Point(1, 2.0)
magic = Magic()
slotted = Slotted()
caller = Caller()
pair = Pair(1, "b")
colour = Colour.RED
data = {"key one": 1, "k2": [1, 2], "nested": {"inner": {"deep": "x"}}, 3: "three"}
text = "some text"
raw = b"bytes"
number = 5
real = 1.5
imaginary = 2j
flag = True
nothing = None
items = [1, 2, 3]
mixed = [1, "x", 2.5]
words = ["a", "b"]
pairs = [(1, "a"), (2, "b")]
animals = [animal, dog]
matrix = [[1, 2], [3, 4]]
unique = {1, 2}
frozen = frozenset([1])
span = range(3)
stamp = datetime.datetime(2026, 1, 2)
delta = datetime.timedelta(days=1)
today = datetime.date(2026, 1, 2)
path = Path("/tmp")
pattern = re.compile("a+")
match = pattern.match("aaa")
counter = Counter("abc")
ordered = OrderedDict(a=1)
default = defaultdict(list)
queue = collections.deque([1])
logger = logging.getLogger("x")
lock = threading.Lock()
thread = threading.Thread()
price = decimal.Decimal("1.5")
half = fractions.Fraction(1, 2)
generator = generate(3)
file = open(os.devnull)
simple = types.SimpleNamespace(one=1, two="2")
error = ValueError("x")
module = math
kind_of = type(animal)
bound = animal.speak
tree = ET.Element("root")
iterator = iter(items)
data_frame_like = [{"a": 1, "b": 2}]
snake_case_name = 1
_private = 2
__dunder__ = 3
if_value = 1
in_value = 2
is_value = 3
def_value = 4
import_value = 5
return_value = 6
nothing_else = 7
lambda_value = 8
'''

POSITIONS = r'''
a¦
animal¦
anim¦
dog.¦
animal.¦
animal.sp¦
animal.n¦
animal._¦
animal.__¦
animal.label.¦
animal.label.up¦
animal.numbers.¦
animal.name.¦
animal.age.¦
animal.legs.¦
animal.kinds.¦
animal.kinds[0].¦
animal.speak().¦
animal.speak.¦
animal.make("x").¦
animal.later().¦
Animal.¦
Animal.make¦
Animal("x").¦
Animal("x").speak().¦
Animal.make("x").¦
Animal.kinds.¦
Animal.__init__.¦
dog.ba¦
dog.bark().¦
dog.bark(times=2).¦
Dog.ta¦
Dog("x").ta¦
Colour.¦
Colour.RED.¦
colour.¦
colour.name.¦
point.¦
point.x.¦
point.length().¦
point.tags.¦
Point(1).¦
Point.¦
magic.¦
magic.dyn_one.¦
slotted.¦
slotted.left.¦
caller(1).¦
caller.¦
pair.¦
pair.first.¦
pair[1].¦
compute().¦
compute(1).speak().¦
compute.¦
generate(2).¦
fetch("x").¦
plain.¦
plain(1, 2).¦
twice(1).¦
twice.¦
partial_compute.¦
partial_compute().¦
data.¦
data["k2"].¦
data["nested"].¦
data["nested"]["inner"].¦
data["nested"]["inner"]["deep"].¦
data["¦
data['k¦
data["nested"]["¦
data["nested"]["inner"]["d¦
data[3].¦
data.keys().¦
data.get("k2").¦
data.items().¦
data.values().¦
text.¦
text.up¦
text.upper().¦
text.split().¦
text.split()[0].¦
text[0].¦
text[1:].¦
text.encode().¦
raw.¦
raw.decode().¦
number.¦
number.bit_length().¦
real.¦
imaginary.¦
flag.¦
nothing.¦
items.¦
items[0].¦
items[-1].¦
items[1:].¦
items.ap¦
mixed[1].¦
mixed[0].¦
words[0].¦
pairs[0].¦
pairs[0][1].¦
animals[0].¦
animals[1].¦
matrix[0].¦
matrix[0][1].¦
unique.¦
frozen.¦
span.¦
stamp.¦
stamp.date().¦
stamp.year.¦
(stamp - stamp).¦
delta.¦
today.¦
path.¦
path.parent.¦
path.name.¦
path.exists().¦
(path / "x").¦
path.read_t¦
pattern.¦
pattern.match("a").¦
match.¦
match.group().¦
counter.¦
counter.most_common().¦
ordered.¦
default.¦
queue.¦
logger.¦
logger.inf¦
logger.handlers.¦
lock.¦
thread.¦
price.¦
half.¦
generator.¦
file.¦
file.read().¦
simple.¦
simple.two.¦
error.¦
module.¦
kind_of.¦
bound.¦
bound().¦
tree.¦
tree.tag.¦
iterator.¦
os.¦
os.pa¦
os.path.¦
os.path.jo¦
os.path.join("a").¦
os.environ.¦
os.environ["¦
os.getcwd().¦
os.listdir().¦
sys.¦
sys.path.¦
sys.version_info.¦
sys.stdout.¦
math.¦
math.pi.¦
math.sqrt(2).¦
json.¦
json.dumps({}).¦
json.loads("1").¦
re.¦
re.compile("x").¦
re.match("a", "b").¦
random.¦
random.ran¦
string.¦
string.ascii_letters.¦
time.¦
time.time().¦
datetime.¦
datetime.datetime.¦
datetime.datetime.now().¦
datetime.datetime.now().date().¦
collections.¦
collections.abc.¦
itertools.¦
functools.¦
functools.par¦
pathlib.¦
pathlib.Path.¦
pathlib.Path.cwd().¦
Path.¦
Path("a").¦
asyncio.¦
asyncio.sl¦
asyncio.get_event_loop().¦
threading.¦
threading.current_thread().¦
logging.¦
types.¦
enum.¦
decimal.¦
ET.¦
ET.Element("x").¦
Counter.¦
Counter("x").¦
OrderedDict().¦
defaultdict(list).¦
defaultdict(list)["x"].¦
namedtuple.¦
Optional.¦
Any.¦
sorted(items).¦
sorted(words)[0].¦
list(items).¦
dict(a=1).¦
str(1).¦
int("1").¦
len(items).¦
range(3).¦
enumerate(items).¦
zip(items, words).¦
map(str, items).¦
reversed(items).¦
max(items).¦
sum(items).¦
type(animal).¦
super().¦
print.¦
print().¦
input().¦
list.¦
str.¦
str.join¦
int.from_bytes(b"").¦
dict.fromkeys([]).¦
object.¦
Exception.¦
ValueError("x").¦
"abc".¦
"abc".up¦
'a'.join(words).¦
f"{number}".¦
b"x".¦
[1].¦
[1, "a"][1].¦
[].ap¦
{}.¦
{"a": 1}.¦
{"a": 1}["a"].¦
{1, 2}.¦
(1, 2).¦
(1, 2)[0].¦
().¦
(1 + 2).¦
(1.5).¦
1.5.¦
(number + 1).¦
(number + real).¦
(text + "x").¦
(items + words).¦
(not flag).¦
(number > 1).¦
(number if flag else text).¦
(flag or text).¦
[x for x in items].¦
{x: 1 for x in items}.¦
(x for x in items).¦
(lambda: 1).¦
(lambda: 1)().¦
-number.¦
number + text.¦
number +text.up¦
not animal.¦
x = animal.¦
x = text.¦
x, y = animal.¦
x += animal.¦
x: int = number.¦
print(animal.¦
print(animal, text.¦
print(text.up¦
print(number, sep=text.¦
compute(animal.¦
compute(alpha=animal.¦
[animal.¦
[number, animal.¦
{"a": animal.¦
{animal.¦
(animal.¦
items[number.¦
data[text.¦
if animal.¦
if flag and animal.¦
while text.¦
for x in animal.¦
for x in data.¦
return animal.¦
assert text.¦
del animal.¦
raise error.¦
await animal.¦
yield animal.¦
with open("x") as f, path.¦
lambda: animal.¦
lambda v: animal.¦
[animal.name for animal in animals if animal.¦
[a.¦ for a in animals]
[a.name for a in animals if a.¦
animal.name; text.¦
animal . ¦
animal .sp¦
animal.¦speak()
animal.sp¦eak
print(animal.¦)
animal.¦ + 1
import o¦
import os.¦
import os.pa¦
import json, ma¦
import xml.e¦
import js¦
imp¦
from o¦
from os ¦
from os import ¦
from os import pa¦
from os import path, get¦
from os.path import j¦
from collections import Ord¦
from collections.¦
from collections.abc import It¦
from xml.etree import El¦
from nowhere import x¦
import nowhere.x¦
import os; os.pa¦
import json\njson.du¦
import json as j\nj.du¦
import math as m\nm.co¦
import csv\ncsv.re¦
import csv as c; c.re¦
import xml.dom.minidom\nxml.dom.¦
import xml.dom.minidom as md\nmd.pa¦
from json import dumps\ndumps.¦
from json import dumps as d\nd(1).¦
from math import *\nco¦
from os import path\npath.jo¦
from os import path as p\np.jo¦
from collections import OrderedDict as OD\nOD.¦
from collections import OrderedDict as OD\nOD().¦
from datetime import datetime, timedelta\ndatetime.no¦
from datetime import datetime, timedelta\ndatetime.now().¦
from pathlib import Path\np = Path("x")\np.ex¦
from pathlib import Path\nPath("x").¦
from concurrent.futures import ThreadPoolExecutor\nThreadPoolExecutor.¦
try:\n    import json\nexcept ImportError:\n    pass\njson.du¦
if flag:\n    import json\n    json.du¦
def f():\n    import json\n    json.du¦
def f():\n    import textwrap as t\nt¦
import asyncio\nasync def main():\n    await asyncio.sl¦
pri¦
prin¦
len¦
comp¦
compu¦
Anim¦
dat¦
num¦
nu¦
te¦
zzz¦
¦
x = ¦
x = num¦
x = a¦
x = Ani¦
x = lam¦
x = imp¦
x = no¦
x = no¦\ny = 1
if ¦
if num¦
if no¦
if number i¦
if number is no¦
if number an¦
number i¦
number if flag el¦
for i i¦
for i in ite¦
for i in ¦
wh¦
whi¦
de¦
def¦
def ¦
def f¦
cl¦
class ¦
class A(¦
class A(Ani¦
ret¦
re¦
tr¦
wi¦
with op¦
exc¦
el¦
asy¦
awa¦
await fe¦
async ¦
lambda ¦
lambda w: w¦
lambda width: wid¦
not¦
No¦
Tru¦
print(¦
print(nu¦
print(se¦
print("a", ¦
print("a", en¦
compute(¦
compute(al¦
compute(1, be¦
compute(1, beta=nu¦
compute(alpha=1, ¦
compute(gam¦
animal.speak(¦
animal.speak(lo¦
Animal(na¦
Animal("x", ag¦
Point(x=1, ¦
plain(a=1, b¦
partial_compute(be¦
sorted(items, ke¦
sorted(items, key=le¦
dict(a¦
json.dumps(data, ind¦
os.path.join(te¦
os.makedirs("x", exi¦
dog.bark(ti¦
twice(¦
caller(y¦
snake_c¦
scn¦
_pri¦
_¦
__d¦
x = number\nx¦
x = 5\nx.¦
x = 5\nx.bit¦
x = "a"\nx.up¦
x = [1]\nx.¦
x = {}\nx.¦
x = {"a": {"b": 1}}\nx["¦
x = {"a": {"b": 1}}\nx["a"]["¦
x = animal\nx.¦
x = Animal("y")\nx.¦
x = Dog("y")\nx.ba¦
x = text\nx.up¦
x = text.upper()\nx.¦
x = 'a'.split()\nx.¦
x = open("f")\nx.¦
x = compute()\nx.¦
x = lambda: 1\nx.¦
x = y = 5\ny.¦
x, y = 1, "a"\ny.¦
x = 1\nx = "a"\nx.¦
x = 1\nif flag:\n    x = "a"\nx.¦
number = "now text"\nnumber.¦
number = "now text"\nprint(1)\nnumber.up¦
text = 5\ntext.bit¦
text += 1\ntext.¦
x: str = f()\nx.¦
for q in items:\n    q.¦
for q in words:\n    q.up¦
for q in mixed:\n    q.¦
for q in animals:\n    q.¦
for q in range(3):\n    q.¦
for a, b in pairs:\n    b.¦
for i, w in enumerate(words):\n    w.¦
for k, v in data.items():\n    k.¦
for number in words:\n    number.¦
for line in open("x"):\n    line.st¦
with open('f') as f:\n    f.re¦
with open('f') as f:\n    text.up¦
with lock:\n    animal.¦
def g(z: str):\n    z.¦
def g(z: str):\n    text.¦
def g(z=1):\n    z.¦
def g(z):\n    z.¦
def g(text: int):\n    text.¦
def g(text: int):\n    return text.bit¦
def g(zeta):\n    zet¦
def g(zeta):\n    return ze¦
def g():\n    local = 1\n    loc¦
def g():\n    return Animal("x")\ng().¦
def g():\n    pass\ng¦
class New:\n    attr = 1\n    def method(self):\n        self.¦
class New:\n    attr = 1\nNew.¦
class New:\n    attr = 1\nNew().at¦
class New(Animal):\n    def speak(self):\n        self.na¦
class New(Animal):\n    def sp¦
class New:\n    ¦
try:\n    pass\nexcept ValueError as e:\n    e.¦
try:\n    pass\nexc¦
if flag:\n    pass\nel¦
if flag:\n    pri¦
if flag:\n    ret¦
while True:\n    bre¦
while True:\n    con¦
global nu¦
nonlocal x¦
@func¦
@functools.¦
@dataclass\nclass P:\n    x: i¦
def f(a: An¦
def f(a) -> An¦
def f(a, b¦
def f(a=nu¦
x = (\n    animal.¦
x = [\n    number,\n    animal.sp¦
print(\n    text.up¦
compute(\n    al¦
result = (items\n    .ap¦
x = 1 # animal.¦
# anim¦
"anim¦
'animal.¦
"""doc animal.¦
f"{animal.¦
f"{anim¦
f"{animal.name} te¦
r"x¦
print("animal.¦
x = "/us¦
%ti¦
%time ani¦
%time animal.¦
%time animal.sp¦
%timeit text.up¦
%%ti¦
%¦
%%¦
%config ¦
%config IPC¦
%config IPCompleter.use¦
%who¦
%%time\nanimal.¦
%%timeit\ntext.up¦
%%bash\nec¦
%matplotlib in¦
x = !l¦
x = %ti¦
?anim¦
animal?¦
anim¦?
animal.sp¦?
\\alp¦
\\alpha¦
\\GREEK SMALL LETTER AL¦
x\\pi¦
a.b.c.¦
zzz.¦
zzz().¦
animal.zzz.¦
animal..¦
animal...¦
.¦
..¦
)¦
animal)¦
(¦
[¦
{¦
1.¦
1¦
1a¦
0x¦
@¦
=¦
== ¦
x == ani¦
x != animal.¦
x and ani¦
x in ite¦
x not i¦
x is no¦
*ite¦
**dat¦
print(*ite¦
print(**dat¦
compute(**dat¦
items[¦
items[nu¦
items[1:nu¦
data[nu¦
data[¦
{"a": nu¦
{num¦
{num: ¦
x if fl¦
x if flag else nu¦
match number:\n    case 1¦
match number:\n    case Anim¦
type(animal)(¦
animal.speak(loud=fl¦
animal.speak(animal.¦
animal.make(text.up¦
Animal.add(¦
Animal.add(1, b¦
asyncio.run(fe¦
asyncio.run(fetch(ur¦
await asyncio.¦
await asyncio.gather(fe¦
async with loc¦
async for x in gen¦
[fetch(u) for u in wor¦
[fetch(url=¦
'''


class Place(NamedTuple):
    """One of them: its line, the code, and the position of the cursor in it."""

    line: str
    code: str
    cursor: int


def places() -> Iterator[Place]:
    """All of them."""
    for line in POSITIONS.strip().splitlines():
        code = line.replace("\\n", "\n").replace("\\\\", "\\")
        yield Place(line, code.replace("¦", ""), code.index("¦"))
