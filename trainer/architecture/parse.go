package architecture

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Parse reads the text of a Hugging Face config.json. It refuses, by name, a model type that is not in [Families] and a
// setting that the vocabulary of [Config] does not have. A field that is missing has the default of transformers, except
// that the sizes of the model must be there.
func Parse(text []byte) (Config, error) {
	var f fields
	if err := json.Unmarshal(text, &f.values); err != nil {
		return Config{}, fmt.Errorf("it is not a model configuration: %w", err)
	}
	modelType, err := f.family()
	if err != nil {
		return Config{}, err
	}
	f.refuseQuantization()
	c := families[modelType].read(&f)
	c.Family = modelType
	if f.err != nil {
		return Config{}, f.err
	}
	return c, c.Validate()
}

// family returns the model type. The class decides whether it is a causal language model and which, where model_type is
// missing.
func (f *fields) family() (string, error) {
	modelType := f.textOr("model_type", "")
	listed := fieldOr(f, "architectures", "a list of class names", []string(nil))
	if f.err != nil {
		return "", f.err
	}
	if modelType != "" && families[modelType].read == nil {
		return "", fmt.Errorf("the model type %q is not supported; supported: %s%s", modelType, strings.Join(Families(), ", "), f.nestedHint())
	}
	if len(listed) > 0 {
		byClass := ""
		for _, class := range listed {
			byClass = max(byClass, familyOfClass(class))
		}
		if byClass == "" {
			return "", fmt.Errorf("the architecture %q is not supported; supported: %s%s", listed[0], strings.Join(classes(), ", "), f.nestedHint())
		}
		if modelType == "" {
			modelType = byClass
		}
	}
	if modelType == "" {
		return "", errors.New("it has neither \"model_type\" nor \"architectures\": this is not a model's config.json")
	}
	return modelType, nil
}

// nestedHint says what to do with a model of images and text, whose text model is one part of it.
func (f *fields) nestedHint() string {
	if _, nested := f.present("text_config"); !nested {
		return ""
	}
	return "; \"text_config\" describes a text model inside this one: save that alone, by its ForCausalLM class in transformers, to train it"
}

func (f *fields) refuseQuantization() {
	raw, present := f.present("quantization_config")
	if !present {
		return
	}
	var quantization struct {
		Method string `json:"quant_method"`
	}
	if err := json.Unmarshal(raw, &quantization); err != nil {
		f.fail(fmt.Errorf("\"quantization_config\": %w", err))
		return
	}
	f.fail(fmt.Errorf("\"quantization_config\" (quant_method %q) is not supported; take the model in float32, float16, bfloat16 or as GGUF", quantization.Method))
}
