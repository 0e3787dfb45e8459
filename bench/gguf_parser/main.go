// Asks the estimator of gguf-parser-go: a request as JSON on stdin, bytes per device on stdout.
//
// Its own command cannot be had from the module proxy (it is a nested module without a version),
// so this calls the library that the command calls, and adds no number of its own.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"

	parser "github.com/gpustack/gguf-parser-go"
)

type override struct {
	Pattern string `json:"pattern"`
	Buffer  string `json:"buffer"`
}

// Tensor split is cumulative, up to 1; RPC names an endpoint for each device.
type request struct {
	Path        string     `json:"path"`
	Context     int32      `json:"context"`
	Slots       int32      `json:"slots"`
	Batch       int32      `json:"batch"`
	Ubatch      int32      `json:"ubatch"`
	CacheType   string     `json:"cache_type"`
	FlashAttn   bool       `json:"flash_attention"`
	GpuLayers   uint64     `json:"gpu_layers"`
	TensorSplit []float64  `json:"tensor_split"`
	RPC         []string   `json:"rpc"`
	Overrides   []override `json:"overrides"`
}

// The host first. Total is what the command prints as "nonuma" with --no-mmap, and without the
// footprint that it adds for whatever else runs: on the host with the tokenizer's.
type device struct {
	Weights uint64 `json:"weights"`
	KV      uint64 `json:"kv"`
	Total   uint64 `json:"total"`
}

var cacheTypes = map[string]parser.GGMLType{
	"f16": parser.GGMLTypeF16, "q8_0": parser.GGMLTypeQ8_0, "q4_0": parser.GGMLTypeQ4_0,
}

func estimate(r request) ([]device, error) {
	file, err := parser.ParseGGUFFile(r.Path, parser.UseMMap(), parser.SkipLargeMetadata())
	if err != nil {
		return nil, err
	}
	kind, ok := cacheTypes[r.CacheType]
	if !ok {
		return nil, fmt.Errorf("no cache type %q here", r.CacheType)
	}
	tensors := make([]parser.GGUFRunOverriddenTensor, len(r.Overrides))
	for i, one := range r.Overrides {
		pattern, err := regexp.Compile(one.Pattern)
		if err != nil {
			return nil, err
		}
		tensors[i] = parser.GGUFRunOverriddenTensor{PatternRegex: pattern, BufferType: one.Buffer}
	}
	options := []parser.GGUFRunEstimateOption{
		parser.WithLLaMACppContextSize(r.Context),
		parser.WithParallelSize(r.Slots),
		parser.WithLLaMACppLogicalBatchSize(r.Batch),
		parser.WithLLaMACppPhysicalBatchSize(r.Ubatch),
		parser.WithLLaMACppCacheKeyType(kind),
		parser.WithLLaMACppCacheValueType(kind),
		parser.WithLLaMACppOffloadLayers(r.GpuLayers),
		parser.WithTensorSplitFraction(r.TensorSplit),
		parser.WithRPCServers(r.RPC),
		parser.WithOverriddenTensors(tensors),
	}
	if r.FlashAttn {
		options = append(options, parser.WithFlashAttention())
	}
	run := file.EstimateLLaMACppRun(options...)
	summary := run.SummarizeItem(false, 0, 0)
	found := make([]device, len(run.Devices))
	for i, one := range run.Devices {
		total := summary.RAM.NonUMA
		if i > 0 {
			total = summary.VRAMs[i-1].NonUMA
		}
		found[i] = device{uint64(one.Weight.Sum()), uint64(one.KVCache.Sum()), uint64(total)}
	}
	return found, nil
}

func main() {
	var asked request
	err := json.NewDecoder(os.Stdin).Decode(&asked)
	if err == nil {
		var found []device
		if found, err = estimate(asked); err == nil {
			err = json.NewEncoder(os.Stdout).Encode(found)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
