// Package tokenizer turns text into the token ids that a causal LM was trained on, and back.
//
// It covers byte pair encoding (BPE) in the two kinds that models use: over bytes (GPT-2, GPT-NeoX, Llama 3, Qwen 2 and 3, Mistral's
// Tekken, SmolLM2, StarCoder2), and over characters with a fallback to bytes (Llama 2, Mistral, Phi-3, Gemma).
// A [Tokenizer] is built from a Hugging Face tokenizer.json ([Parse]) or from the vocabulary in a GGUF file's
// metadata ([FromVocabulary], over bytes only). The measure of success is equality with the Hugging Face "tokenizers" library,
// id for id: a model fed with slightly different ids is silently a worse model. For that reason
// whatever a file asks for that is not implemented here is refused by name, never ignored. Models other than BPE are
// refused, and so are regular expressions for which there is no splitter: the patterns depend on look-ahead and on the version of
// Unicode, so each has a function of its own, checked against the library for every code point.
//
// It is not a trainer of vocabularies, it renders no chat template, and it neither truncates nor pads: the
// truncation and padding sections of a tokenizer.json are settings of its last user, not of the tokenizer.
//
// Text passes through these stages, one file each:
//
//	added_token.go     added tokens (such as <|im_start|>) are cut out of the text
//	normalizer.go      the rest is rewritten (normalize_unicode.go); added tokens that are normalized are cut out of what it has become
//	pre_tokenizer.go   what lies between is cut into words (split_*.go)
//	symbol.go          each word is taken apart into bytes or runes
//	bpe.go             which are merged pair by pair into tokens (bpe_long.go for long words, rune_joins.go for whole texts)
//	post_processor.go  tokens such as BOS are put around the whole, on request
//
// Through all of them a stretch of text knows which bytes of the input it stands for (alignment.go). On the way back, decoder.go turns
// tokens into text.
//
// Text need not be valid UTF-8. A byte that belongs to no valid sequence is treated as a symbol: it splits words as
// U+FFFD would, is left alone by normalization, and is encoded as itself where the vocabulary has a token for the byte.
//
// A Tokenizer does not change after it is built, apart from a bounded lock-free cache of words (word_cache.go),
// and may be used from any number of goroutines.
package tokenizer
