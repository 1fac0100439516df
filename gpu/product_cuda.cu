/* SPDX-License-Identifier: Apache-2.0
 * Products on the device: cuBLASLt, one algorithm for each size, kept once chosen.
 *
 * The library is opened when the first CUDA engine is, so that the program starts without it and
 * runs on machines that do not have it. */
#include <cstdlib>
#include <cstring>

#include <cublasLt.h>
#include <dlfcn.h>

#include "gpu/infer_cuda.cuh"

enum { KEPT = 4096, WORKSPACE = 64 << 20 };

/* ---- the library ---------------------------------------------------------------------------- */

#define LIBRARY_FUNCTIONS(f)                                                                       \
    f(cublasLtCreate) f(cublasLtDestroy) f(cublasLtMatmul) f(cublasLtMatmulDescCreate)             \
        f(cublasLtMatmulDescDestroy) f(cublasLtMatmulDescSetAttribute)                             \
            f(cublasLtMatrixLayoutCreate) f(cublasLtMatrixLayoutDestroy)                           \
                f(cublasLtMatmulPreferenceCreate) f(cublasLtMatmulPreferenceDestroy)               \
                    f(cublasLtMatmulPreferenceSetAttribute) f(cublasLtMatmulAlgoGetHeuristic)

#define LIBRARY_MEMBER(name) decltype(&::name) name;
static struct library {
    void *handle;
    LIBRARY_FUNCTIONS(LIBRARY_MEMBER)
} lib;

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

static enum status library_open()
{
    if (lib.handle != nullptr) return STATUS_OK;
    void *handle = dlopen(HACASIM_CUBLASLT "/libcublasLt.so." TEXT(CUBLAS_VER_MAJOR), RTLD_NOW);
    if (handle == nullptr) handle = dlopen("libcublasLt.so." TEXT(CUBLAS_VER_MAJOR), RTLD_NOW);
    if (handle == nullptr) return status_fail(STATUS_OPERATING, "no cuBLASLt: %s", dlerror());
#define LIBRARY_FIND(name)                                                                         \
    lib.name = reinterpret_cast<decltype(&::name)>(dlsym(handle, #name));                          \
    if (lib.name == nullptr) return status_fail(STATUS_OPERATING, "cuBLASLt has no " #name);
    LIBRARY_FUNCTIONS(LIBRARY_FIND)
    lib.handle = handle;
    return STATUS_OK;
}

static enum status checked(cublasStatus_t code, const char *what)
{
    if (code == CUBLAS_STATUS_SUCCESS) return STATUS_OK;
    return status_fail(STATUS_OPERATING, "cuBLASLt: %s: error %d", what, static_cast<int>(code));
}

/* ---- sizes ---------------------------------------------------------------------------------- */

struct kept_product {
    int32_t m, n, k;
    bool fp8, wide, used;
    cublasLtMatmulDesc_t desc;
    cublasLtMatrixLayout_t weights, x, y;
    cublasLtMatmulAlgo_t algo;
};

struct product_cuda {
    cublasLtHandle_t handle;
    cudaStream_t stream;
    void *workspace;
    float *activation_scale; /* on the device */
    struct kept_product kept[KEPT];
    int32_t count;
};

/* Row-major y = x W^T is column-major y^T = W x^T: W, as it lies, is the transpose of a k x n. */
static enum status describe(struct kept_product *p)
{
    const int32_t transposed = CUBLAS_OP_T;
    cudaDataType_t in = p->fp8 ? CUDA_R_8F_E4M3 : CUDA_R_16BF,
                   out = p->wide ? CUDA_R_32F : CUDA_R_16BF;
    uint64_t m = static_cast<uint64_t>(p->m), n = static_cast<uint64_t>(p->n);
    uint64_t k = static_cast<uint64_t>(p->k);
    TRY(checked(lib.cublasLtMatmulDescCreate(&p->desc, CUBLAS_COMPUTE_32F, CUDA_R_32F), "desc"),
        "product");
    TRY(checked(lib.cublasLtMatmulDescSetAttribute(p->desc, CUBLASLT_MATMUL_DESC_TRANSA,
                                                   &transposed, sizeof transposed),
                "transposed"),
        "product");
    TRY(checked(lib.cublasLtMatrixLayoutCreate(&p->weights, in, k, n, p->k), "weights"), "product");
    TRY(checked(lib.cublasLtMatrixLayoutCreate(&p->x, in, k, m, p->k), "tokens"), "product");
    return checked(lib.cublasLtMatrixLayoutCreate(&p->y, out, n, m, p->n), "result");
}

static enum status set_scales(const struct product_cuda *product, const struct kept_product *p,
                              const float *scale)
{
    if (!p->fp8) return STATUS_OK;
    TRY(checked(lib.cublasLtMatmulDescSetAttribute(p->desc, CUBLASLT_MATMUL_DESC_A_SCALE_POINTER,
                                                   &scale, sizeof scale),
                "scale of weights"),
        "product");
    return checked(lib.cublasLtMatmulDescSetAttribute(p->desc, CUBLASLT_MATMUL_DESC_B_SCALE_POINTER,
                                                      &product->activation_scale,
                                                      sizeof product->activation_scale),
                   "scale of activations");
}

static enum status choose(const struct product_cuda *product, struct kept_product *p)
{
    cublasLtMatmulPreference_t preference;
    cublasLtMatmulHeuristicResult_t result = {};
    const size_t workspace = WORKSPACE;
    int found = 0;
    TRY(checked(lib.cublasLtMatmulPreferenceCreate(&preference), "preference"), "product");
    lib.cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                             &workspace, sizeof workspace);
    cublasStatus_t code = lib.cublasLtMatmulAlgoGetHeuristic(
        product->handle, p->desc, p->weights, p->x, p->y, p->y, preference, 1, &result, &found);
    lib.cublasLtMatmulPreferenceDestroy(preference);
    if (code != CUBLAS_STATUS_SUCCESS || found == 0)
        return status_fail(STATUS_OPERATING, "cuBLASLt has no product of %d x %d x %d in %s here",
                           static_cast<int>(p->m), static_cast<int>(p->n), static_cast<int>(p->k),
                           p->fp8 ? "fp8" : "bf16");
    p->algo = result.algo;
    return STATUS_OK;
}

static void forget(struct kept_product *p)
{
    if (p->desc != nullptr) lib.cublasLtMatmulDescDestroy(p->desc);
    if (p->weights != nullptr) lib.cublasLtMatrixLayoutDestroy(p->weights);
    if (p->x != nullptr) lib.cublasLtMatrixLayoutDestroy(p->x);
    if (p->y != nullptr) lib.cublasLtMatrixLayoutDestroy(p->y);
    *p = {};
}

/* Where this size is kept, or the free place for it; everything is forgotten when it gets full. */
static struct kept_product *place_of(struct product_cuda *product,
                                     const struct product_cuda_call *call)
{
    if (product->count > KEPT / 2) {
        for (int32_t i = 0; i < KEPT; i++)
            forget(&product->kept[i]);
        product->count = 0;
    }
    uint32_t at = static_cast<uint32_t>(call->m) * 2654435761U ^
                  static_cast<uint32_t>(call->n) * 40503U ^ static_cast<uint32_t>(call->k);
    for (;; at++) {
        struct kept_product *p = &product->kept[at % KEPT];
        bool same = p->m == call->m && p->n == call->n && p->k == call->k && p->fp8 == call->fp8 &&
                    p->wide == call->wide;
        if (!p->used || same) return p;
    }
}

enum status product_cuda_run(struct product_cuda *product, const struct product_cuda_call *call)
{
    const float one = 1.0f, zero = 0.0f;
    struct kept_product *p = place_of(product, call);
    if (!p->used) {
        p->m = call->m;
        p->n = call->n;
        p->k = call->k;
        p->fp8 = call->fp8;
        p->wide = call->wide;
        enum status status = describe(p);
        if (status == STATUS_OK) status = set_scales(product, p, call->scale);
        if (status == STATUS_OK) status = choose(product, p);
        if (status != STATUS_OK) {
            forget(p);
            return status;
        }
        p->used = true;
        product->count++;
    }
    TRY(set_scales(product, p, call->scale), "product");
    return checked(lib.cublasLtMatmul(product->handle, p->desc, &one, call->weights, p->weights,
                                      call->x, p->x, &zero, call->y, p->y, call->y, p->y, &p->algo,
                                      product->workspace, WORKSPACE, product->stream),
                   "product");
}

/* ---- open and close ------------------------------------------------------------------------- */

enum status product_cuda_open(struct product_cuda **out, cudaStream_t stream)
{
    const float scale = 1.0f / CUDA_FP8_SCALE;
    TRY(library_open(), "CUDA backend");
    struct product_cuda *product =
        static_cast<struct product_cuda *>(calloc(1, sizeof(struct product_cuda)));
    if (product == nullptr) return status_fail(STATUS_OPERATING, "no memory for products");
    *out = product;
    product->stream = stream;
    TRY(checked(lib.cublasLtCreate(&product->handle), "start"), "CUDA backend");
    if (cudaMalloc(&product->workspace, WORKSPACE) != cudaSuccess ||
        cudaMalloc(reinterpret_cast<void **>(&product->activation_scale), sizeof scale) !=
            cudaSuccess ||
        cudaMemcpy(product->activation_scale, &scale, sizeof scale, cudaMemcpyHostToDevice) !=
            cudaSuccess)
        return status_fail(STATUS_OPERATING, "no device memory for the workspace of products");
    return STATUS_OK;
}

void product_cuda_close(struct product_cuda *product)
{
    if (product == nullptr) return;
    for (int32_t i = 0; i < KEPT; i++)
        forget(&product->kept[i]);
    if (product->handle != nullptr) lib.cublasLtDestroy(product->handle);
    cudaFree(product->workspace);
    cudaFree(product->activation_scale);
    free(product);
}
