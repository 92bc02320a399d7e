"""Texts for recurrent networks: corpora, vocabularies, minibatches. NumPy only.

>>> from jaxrnn import text
>>> ids, vocab = text.encode(text.load_corpus("analects"))
>>> inputs, targets = text.batches("consecutive", ids, 32, 35, seed=0, epoch=0)
>>> inputs.shape, len(vocab)
((8, 35, 32), 1002)
"""

from ._batches import Batches as Batches
from ._batches import Sampling as Sampling
from ._batches import batches as batches
from ._batches import starts as starts
from ._batches import time_major as time_major
from ._batches import windows as windows
from ._download import cache_folder as cache_folder
from ._encode import Encoded as Encoded
from ._encode import encode as encode
from ._errors import CorpusNotFound as CorpusNotFound
from ._errors import TextError as TextError
from ._measures import bits_per_character as bits_per_character
from ._measures import unigram_perplexity as unigram_perplexity
from ._split import Split as Split
from ._split import split as split
from .corpora import CORPORA as CORPORA
from .corpora import Corpus as Corpus
from .corpora import load_corpus as load_corpus
from .recipes import LYRICS as LYRICS
from .recipes import PLAIN as PLAIN
from .recipes import RECIPES as RECIPES
from .recipes import TIME_MACHINE as TIME_MACHINE
from .recipes import Recipe as Recipe
from .recipes import find_recipe as find_recipe
from .vocabulary import BYTE_VOCABULARY as BYTE_VOCABULARY
from .vocabulary import Unit as Unit
from .vocabulary import Vocabulary as Vocabulary
from .vocabulary import one_hot as one_hot
