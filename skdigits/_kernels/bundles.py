"""Named tuples of arrays and numbers as kernels take them: by the address of their words.

Numba hands a tuple on as all numbers that are in it, seven for an array: some three hundred for what the kernels of an
epoch share, in each call from one to another. To compile that took a fifth of the time of a first fit. A *bundle* is
one pointer into the row of words that Python packs (see packing.py), from which a kernel loads what it needs where it
needs it. Nobody writes to the row while kernels run, so that nothing has to be loaded twice.
"""

from llvmlite import ir
from numba import types
from numba.core.typing.templates import AttributeTemplate
from numba.extending import infer_getattr, lower_getattr_generic, models, register_model
from numba.np.arrayobj import populate_array

from skdigits._kernels.packing import FIRST_FIELD

WORD = ir.IntType(64)
_ADDRESS = WORD.as_pointer()
# Where an array's Python object has the addresses of its data, lengths and strides, in words.
_DATA, _SHAPE, _STRIDES = FIRST_FIELD // 8, FIRST_FIELD // 8 + 2, FIRST_FIELD // 8 + 3


class Bundle(types.Type):
    """Numba's type of a named tuple that is handed on by its address.

    Parameters
    ----------
    named_tuple : BaseNamedTuple
        Its type when it is handed on by what is in it. Arrays lie in the order of rows.
    """

    def __init__(self, named_tuple):
        name, items = named_tuple.instance_class.__name__, map(as_bundle, named_tuple.types)
        self.types = dict(zip(named_tuple.fields, items, strict=True))
        if any(isinstance(item, types.Array) and item.layout != "C" for item in self.types.values()):
            raise TypeError(f"{name}: arrays in a tuple lie row by row")
        super().__init__(f"{name}({', '.join(map(str, self.types.values()))})")


def as_bundle(argument_type):
    """The type of a named tuple as a bundle; any other as it is."""
    return Bundle(argument_type) if isinstance(argument_type, types.BaseNamedTuple) else argument_type


def count_words(argument_type):
    """Words of an argument in the row."""
    if isinstance(argument_type, Bundle):
        return sum(map(_count_words_inside, argument_type.types.values()))
    return 1


def _count_words_inside(item_type):
    """Words of what is in a bundle: there an array is its data and its lengths."""
    return 1 + item_type.ndim if isinstance(item_type, types.Array) else count_words(item_type)


@register_model(Bundle)
class _Pointer(models.PrimitiveModel):
    """A bundle in LLVM's terms."""

    def __init__(self, manager, bundle_type):
        super().__init__(manager, bundle_type, _ADDRESS)


@infer_getattr
class _Attributes(AttributeTemplate):
    """Types of what is in a bundle."""

    key = Bundle

    def generic_resolve(self, bundle_type, name):
        """The type of one of them, if there is one of that name."""
        return bundle_type.types.get(name)


@lower_getattr_generic(Bundle)
def _read_item(context, builder, bundle_type, words, name):
    names = list(bundle_type.types)
    item_types = list(bundle_type.types.values())[: names.index(name)]
    place, item_type = sum(map(_count_words_inside, item_types)), bundle_type.types[name]
    if not isinstance(item_type, types.Array):
        return read(context, builder, words, place, item_type)
    data = _load(builder, words, place, _data_type(context, item_type))
    shape = [_load(builder, words, place + 1 + d) for d in range(item_type.ndim)]
    return _make_array(context, builder, item_type, data, shape)


def read(context, builder, words, place, argument_type):
    """An argument that stands in the row from a place on, as Numba's code works with it."""
    if isinstance(argument_type, Bundle):
        return builder.gep(words, [WORD(place)])
    if isinstance(argument_type, types.Array):
        return _read_array(context, builder, _load(builder, words, place, _ADDRESS), argument_type)
    word = _load(builder, words, place)
    if argument_type is types.boolean:
        return builder.trunc(word, ir.IntType(1))
    bits = word if argument_type.bitwidth == 64 else builder.trunc(word, ir.IntType(argument_type.bitwidth))
    return builder.bitcast(bits, context.get_value_type(argument_type))


def _load(builder, words, place, word_type=WORD):
    word = builder.load(builder.bitcast(builder.gep(words, [WORD(place)]), word_type.as_pointer()))
    word.set_metadata("invariant.load", builder.module.add_metadata([]))
    return word


def _data_type(context, array_type):
    return context.get_data_type(array_type.dtype).as_pointer()


def _read_array(context, builder, fields, array_type):
    """An array, from the address of its Python object."""
    data = _load(builder, fields, _DATA, _data_type(context, array_type))
    lengths, strides = (_load(builder, fields, place, _ADDRESS) for place in (_SHAPE, _STRIDES))
    lengths, strides = ([_load(builder, words, d) for d in range(array_type.ndim)] for words in (lengths, strides))
    return _make_array(context, builder, array_type, data, lengths, strides)


def _make_array(context, builder, array_type, data, shape, strides=None):
    view, item_bytes = context.make_array(array_type)(context, builder), WORD(array_type.dtype.bitwidth // 8)
    if strides is None:
        strides = [item_bytes]
        for length in reversed(shape[1:]):
            strides.insert(0, builder.mul(strides[0], length))
    populate_array(view, data, shape, strides, item_bytes, None)
    return view._getvalue()


def expand(builder, words, place, argument_type):
    """Write where the data of the arrays in a bundle are, and their lengths, into the row.

    What Python packs of them is the address of their objects, which takes it less time.
    """
    for item_type in argument_type.types.values() if isinstance(argument_type, Bundle) else ():
        if isinstance(item_type, types.Array):
            target = builder.gep(words, [WORD(place)])
            fields = builder.inttoptr(builder.load(target), _ADDRESS)
            data, lengths = (builder.load(builder.gep(fields, [WORD(field)])) for field in (_DATA, _SHAPE))
            builder.store(data, target)
            lengths = builder.inttoptr(lengths, _ADDRESS)
            for d in range(item_type.ndim):
                length = builder.load(builder.gep(lengths, [WORD(d)]))
                builder.store(length, builder.gep(words, [WORD(place + 1 + d)]))
        expand(builder, words, place, item_type)
        place += _count_words_inside(item_type)
