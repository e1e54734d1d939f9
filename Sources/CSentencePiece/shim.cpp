#include "epas_sentencepiece.h"
