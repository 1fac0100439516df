# hacasim: one Makefile, no configure step.  `make help` lists the targets.
# Builds go to build/<config>/; configs: release (default), asan, tsan (clang), coverage.

VERSION := 0.1.0
CONFIG  ?= release
BUILD   := build/$(CONFIG)
PREFIX  ?= /usr/local
DATA    ?= ../shared/data
V       ?= 0
JOBS    ?= $(shell nproc 2>/dev/null || echo 1)
Q       := $(if $(filter 1,$(V)),,@)

# ---- what this machine has -------------------------------------------------------------------
NVCC    ?= $(firstword $(shell command -v nvcc 2>/dev/null) $(wildcard /usr/local/cuda/bin/nvcc))
MPICC   := $(shell command -v mpicc 2>/dev/null)
GNUPLOT := $(shell command -v gnuplot 2>/dev/null)
# What can change a result: it is part of a run's hash, so that two builds never share one by chance.
MODEL   := $(shell LC_ALL=C cat $$(LC_ALL=C ls sim/*.[ch] net/*.[ch] models/*.[ch] models/*/*.[ch]) | \
             sha256sum | cut -c1-12)
COMMIT  := $(shell git describe --always --dirty --abbrev=12 2>/dev/null || echo unknown)
NEEDED  := gsl sqlite3 openblas libfyaml openssl
MISSING := $(strip $(foreach p,$(NEEDED),$(if $(shell pkg-config --exists $(p) 2>/dev/null && echo y),,$(p))) \
           $(if $(wildcard /usr/include/Random123/philox.h /usr/local/include/Random123/philox.h),,Random123))

# ---- flags -----------------------------------------------------------------------------------
ifeq ($(CONFIG),tsan)
CC      := clang
OMP     := -fopenmp=libomp
else ifeq ($(origin CC),default)
CC      := gcc
endif
OMP     ?= -fopenmp
WARN    := -Wall -Wextra -Wconversion -Wshadow -Werror
CFLAGS_release  := -O2 -g
CFLAGS_asan     := -O1 -g1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
CFLAGS_tsan     := -O1 -g1 -fsanitize=thread
CFLAGS_coverage := -O0 -g --coverage
CFLAGS  := -std=gnu17 -D_GNU_SOURCE $(CFLAGS_$(CONFIG)) $(WARN) -ffp-contract=off $(OMP) -I. $(EXTRA_CFLAGS)
LDFLAGS := $(CFLAGS_$(CONFIG)) $(OMP) $(EXTRA_LDFLAGS)
LDLIBS  := -lgsl -lopenblas -lsqlite3 -lfyaml -lcrypto -lm
NVCCFLAGS := -O2 -std=c++17 --fmad=false -I. -Xcompiler -ffp-contract=off,-Wall,-Wextra \
             -gencode arch=compute_80,code=sm_80 -gencode arch=compute_90,code=[sm_90,compute_90]

# ---- sources: one folder, one variable ---------------------------------------------------------
SRC := $(wildcard sim/*.c net/*.c models/*.c models/*/*.c gpu/*.c analysis/*.c)
# nvcc may be a wrapper far from its libraries, so nvcc itself is asked where they are.
CUDA_LIBS := $(if $(NVCC),$(patsubst -L%,%,$(shell $(NVCC) --dryrun -x cu -c /dev/null 2>&1 \
             | sed -n 's/^\#$$ LIBRARIES=//p' | tr -d '"')))
CUDART    := $(firstword $(wildcard $(CUDA_LIBS:=/libcudart_static.a)))
CU  := $(if $(CUDART),$(wildcard gpu/*.cu))
# The engine's CUDA half opens cuBLASLt when it runs; it is built where the library is.
CUBLASLT := $(patsubst %/,%,$(dir $(firstword $(wildcard $(CUDA_LIBS:=/libcublasLt.so)))))
ENGINE_CU := $(filter %_cuda.cu,$(filter-out gpu/draw_cuda.cu,$(CU)))
CU  := $(if $(CUBLASLT),$(CU),$(filter-out $(ENGINE_CU),$(CU)))
ifeq ($(CONFIG),tsan)
CU  :=
endif
ifneq ($(CU),)
CFLAGS += -DHACASIM_CUDA $(if $(CUBLASLT),-DHACASIM_CUBLASLT)
NVCCFLAGS += $(if $(CUBLASLT),-DHACASIM_CUBLASLT='"$(CUBLASLT)"')
LDLIBS += $(CUDART) -lstdc++ -ldl -lrt -lpthread
endif
CUDA_FOUND := no: the GPU parts are left out
ifneq ($(NVCC),)
CUDA_FOUND := $(if $(CUDART),found but not used with CONFIG=$(CONFIG),found without libcudart_static.a: the GPU parts are left out)
CUDA_FOUND := $(if $(CU),yes$(if $(CUBLASLT),, without cuBLASLt: no CUDA engine),$(CUDA_FOUND)) ($(NVCC))
endif
LIBSRC := $(filter-out analysis/main.c,$(SRC))
LIBOBJ := $(LIBSRC:%.c=$(BUILD)/%.o) $(CU:%.cu=$(BUILD)/%.cu.o)
UNIT   := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c))
BENCH  := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(wildcard tests/bench/bench_*.c))
FUZZ   := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))

.PHONY: all help packages demo test test-long test-gpu bench lab lint format asan tsan fuzz install clean detect
.DEFAULT_GOAL := all

all: detect $(BUILD)/hacasim

help:
	@echo 'hacasim $(VERSION)'
	@echo '  make            build $(BUILD)/hacasim (CONFIG=release|asan|tsan|coverage, V=1 shows commands)'
	@echo '  make demo       install what is missing, build, run the main scenario and its twin, write a report'
	@echo '  make test       install what is missing, build, run all tests (DATA=DIR for the public traces)'
	@echo '  make test-long  the long versions: statistics, swarms, kills, fuzzing, dieharder'
	@echo '  make test-gpu   the GPU tests (skip, with the reason, where there is no GPU)'
	@echo '  make bench      one line per figure: bench NAME VALUE UNIT'
	@echo '  make lab        rival event lists on the hold model and on recorded streams (ten minutes)'
	@echo '  make lint       clang-tidy, cppcheck, clang-format check'
	@echo '  make format     clang-format in place'
	@echo '  make asan|tsan  build and run the unit tests under the sanitizers'
	@echo '  make fuzz       fuzz the parsers (SECONDS=60 each)'
	@echo '  make bench-peers  the kernel beside SystemC, ns-3, SimGrid where installed (PAGE=docs/peers.md)'
	@echo '  make packages   install the Debian packages that are missing'
	@echo '  make install    to PREFIX=$(PREFIX)'
	@echo '  make clean'

detect:
	@test -z "$(MISSING)" || { echo "missing libraries: $(MISSING); run 'make packages'" >&2; exit 1; }
	@printf '%-10s %s\n' compiler '$(shell $(CC) --version | head -1)' \
	  CUDA '$(CUDA_FOUND)' \
	  MPI '$(if $(MPICC),found ($(MPICC)),no)' \
	  gnuplot '$(if $(GNUPLOT),yes,no: reports will have tables and no pictures)'

packages:
	@.ci/packages

# `packages` may add libraries and tools that the variables above looked for, so these two
# targets start a fresh make once everything is there.
demo:
	@.ci/packages
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@tests/demo.sh $(BUILD)/hacasim

test:
	@.ci/packages
	@$(MAKE) --no-print-directory -j$(JOBS) all unit
	@$(MAKE) --no-print-directory test-only

.PHONY: test-only unit
test-only: all unit
	@DATA='$(DATA)' tests/run.sh $(BUILD) short

test-long: all unit
	@DATA='$(DATA)' tests/run.sh $(BUILD) long

test-gpu: all unit
	@$(BUILD)/tests/test_gpu && $(BUILD)/tests/test_gpu_infer

unit: $(UNIT)

bench: all $(BENCH)
	@DATA='$(DATA)' tests/bench.sh $(BUILD)

lab: all
	@DATA='$(DATA)' tests/lab/run.sh $(BUILD)

asan tsan:
	@$(MAKE) --no-print-directory -j$(JOBS) CONFIG=$@ all unit
	@DATA='$(DATA)' tests/run.sh build/$@ sanitize

lint:
	@tests/lint.sh

format:
	$(Q)clang-format -i $$(git ls-files '*.c' '*.h' '*.cu' '*.cpp')

.PHONY: bench-peers
bench-peers: $(BUILD)/bench/bench_kernel
	@tests/bench/peers/run.sh $(BUILD) $(PAGE)

SECONDS ?= 60
fuzz: $(FUZZ)
	$(Q)printf '%s\n' $(FUZZ) | xargs -P $(JOBS) -I{} tests/fuzz.sh {} $(SECONDS)

install: all
	install -D $(BUILD)/hacasim $(DESTDIR)$(PREFIX)/bin/hacasim
	for f in $$(cd scenarios && find . -name '*.yaml'); do \
	  install -D -m 644 scenarios/$$f $(DESTDIR)$(PREFIX)/share/hacasim/scenarios/$$f; done

clean:
	rm -rf build

# ---- rules -------------------------------------------------------------------------------------
$(BUILD)/hacasim: $(BUILD)/analysis/main.o $(BUILD)/libhacasim.a
	@echo '  LINK  $@'
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/libhacasim.a: $(LIBOBJ)
	@echo '  AR    $@'
	$(Q)rm -f $@ && ar rcs $@ $^
	$(Q)$(if $(filter release,$(CONFIG)),ln -sfn release/libhacasim.a build/libhacasim.a)

$(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	@echo '  CC    $<'
	$(Q)$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/%.cu.o: %.cu $(BUILD)/flags
	@mkdir -p $(@D)
	@echo '  NVCC  $<'
	$(Q)$(NVCC) $(NVCCFLAGS) -MMD -MP -MF $(@:.o=.d) -c -o $@ $<

$(BUILD)/tests/%: tests/unit/%.c $(BUILD)/libhacasim.a
	@mkdir -p $(@D)
	@echo '  TEST  $@'
	$(Q)$(CC) $(CFLAGS) -MMD -MP -MF $@.d $(LDFLAGS) -o $@ $< $(BUILD)/libhacasim.a $(LDLIBS) -lcmocka

# The kernel ladders of the CUDA engine (gpu/lab/README.md): `make lab/lab_norm` builds and runs one.
lab/%: $(BUILD)/lab/%
	@$<
$(BUILD)/lab/%: gpu/lab/%.cu $(BUILD)/libhacasim.a
	@mkdir -p $(@D)
	@echo '  NVCC  $<'
	$(Q)$(NVCC) $(NVCCFLAGS) -MMD -MP -MF $@.d -o $@ $< $(BUILD)/libhacasim.a $(LDLIBS) -lgomp

$(BUILD)/bench/%: tests/bench/%.c $(BUILD)/libhacasim.a
	@mkdir -p $(@D)
	@echo '  BENCH $@'
	$(Q)$(CC) $(CFLAGS) -MMD -MP -MF $@.d $(LDFLAGS) -o $@ $< $(BUILD)/libhacasim.a $(LDLIBS)

# The fuzz targets are built with clang: parsers and target under the same instrumentation.
FUZZFLAGS := -std=gnu17 -D_GNU_SOURCE -O1 -g1 -fsanitize=fuzzer-no-link,address,undefined \
             -fno-sanitize-recover=all -ffp-contract=off -I.
FUZZOBJ := $(patsubst %.c,build/fuzz/%.o,$(filter-out analysis/% gpu/%,$(LIBSRC)) gpu/safetensors.c)
build/fuzz/%.o: %.c
	@mkdir -p $(@D)
	$(Q)clang $(FUZZFLAGS) -MMD -MP -c -o $@ $<
.PRECIOUS: build/fuzz/%.o
build/fuzz/libfuzz.a: $(FUZZOBJ)
	@echo '  AR    $@'
	$(Q)rm -f $@ && ar rcs $@ $^
build/fuzz/%: build/fuzz/tests/fuzz/%.o build/fuzz/libfuzz.a
	@echo '  FUZZ  $@'
	$(Q)clang $(FUZZFLAGS) -fsanitize=fuzzer -o $@ $^ -lfyaml -lm

# The version reaches one object only, so a commit does not rebuild everything.
$(BUILD)/analysis/version.o: CFLAGS += -DHACASIM_VERSION='"$(VERSION)"' -DHACASIM_COMMIT='"$(COMMIT)"' \
                              -DHACASIM_MODEL='"$(MODEL)"'

# Objects depend on the flags they were built with.
$(BUILD)/flags: FORCE
	@mkdir -p $(BUILD)
	@echo '$(CC) $(CFLAGS) $(NVCC)' | cmp -s - $@ || echo '$(CC) $(CFLAGS) $(NVCC)' > $@
$(BUILD)/commit: FORCE
	@mkdir -p $(BUILD)
	@echo '$(VERSION) $(COMMIT) $(MODEL)' | cmp -s - $@ || echo '$(VERSION) $(COMMIT) $(MODEL)' > $@
$(BUILD)/analysis/version.o: $(BUILD)/commit
FORCE:

-include $(shell find $(BUILD) build/fuzz -name '*.d' 2>/dev/null)
