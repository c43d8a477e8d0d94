// Package tokenizer turns text into the token ids that a causal LM was trained on, and back.
//
// It covers one family: byte-level byte pair encoding (BPE), as used by GPT-2, SmolLM2, StarCoder2 and Llama 3.
// A [Tokenizer] is built from a Hugging Face tokenizer.json ([Parse]) or from the vocabulary in a GGUF file's
// metadata ([FromVocabulary]). The measure of success is equality with the Hugging Face "tokenizers" library,
// id for id: a model fed with slightly different ids is silently a worse model. For that reason
// whatever a file asks for that is not implemented here is refused by name, never ignored.
//
// It is not a trainer of vocabularies, it renders no chat template, and it neither truncates nor pads: the
// truncation and padding sections of a tokenizer.json are settings of its last user, not of the tokenizer.
//
// Text passes through these stages, one file each:
//
//	added_token.go     added tokens (such as <|im_start|>) are cut out of the text
//	pre_tokenizer.go   the rest is cut into words (split_gpt2.go, split_llama3.go, split_digits.go)
//	bpe.go             each word's bytes are merged pair by pair into tokens (bpe_long.go for long words)
//	post_processor.go  tokens such as BOS are put around the whole, on request
//
// Text need not be valid UTF-8. A byte that belongs to no valid sequence is treated as a symbol: it splits words as
// U+FFFD would and is encoded as itself.
//
// A Tokenizer does not change after it is built, apart from a bounded lock-free cache of words (word_cache.go),
// and may be used from any number of goroutines.
package tokenizer
