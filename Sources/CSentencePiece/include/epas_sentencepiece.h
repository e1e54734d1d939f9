// A C interface to SentencePiece (see EPASTokenizer).
#pragma once
