// The compiled kernel: passes over edges for CPUs, as a Python module that takes addresses of arrays.
//
// It includes no header of PyTorch, so it builds in seconds and serves every version. The passes (native.h) are compiled
// for several instruction sets; the module chooses the best one of the processor when it is loaded.

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif
#if !defined(_WIN32)
#include <dlfcn.h>
#endif

#define INLINED __attribute__((always_inline))
#define INLINE inline INLINED  // for what keeps its numbers in registers
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

namespace {

// An array (units, batch) of any strides, in elements.
template <class T> struct Values {
    const T* at;
    int64_t units, batch, unit_stride, batch_stride;
};

// Edges sorted by row: those of row r are pointers[r] to pointers[r + 1] - 1, edge j comes from columns[j], and its
// weight is weights[numbers[j]] (weights[j] without numbers).
struct Edges {
    int64_t rows, sources;
    const int32_t *pointers, *columns, *numbers;
};

// Dendrites of full trees, `children` to a parent; bias may be missing. `curve` is the number of their nonlinearity in
// transfer.h, or 0 for a nonlinearity of two slopes; parameters[0] is then the slope below zero.
template <class T> struct Branch {
    const T *weights, *bias, *cables;
    int64_t children;
    int curve;
    T parameters[3];
    uint64_t reciprocal = (uint64_t(1) << 63) / children + 1;
    // row / children for 0 <= row < 2^31, by a multiplication
    int64_t parent(int32_t row) const { return int64_t((unsigned __int128)(row)*reciprocal >> 63); }
};

template <class T> struct Gradients {
    T *weights, *bias, *cables;
};

#if defined(__x86_64__)
namespace avx512 {
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,prefer-vector-width=512")
#endif
#define BYTES 64
#include "native.h"
#undef BYTES
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
}  // namespace avx512

namespace avx2 {
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
#define BYTES 32
#include "native.h"
#undef BYTES
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
}  // namespace avx2
#endif

namespace plain {
#define BYTES 16
#include "native.h"
#undef BYTES
}  // namespace plain

enum Set { PLAIN, AVX2, AVX512 };
const char* const NAMES[] = {"128-bit vectors", "AVX2", "AVX-512"};

Set best_set() {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma"))
        return AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return AVX2;
#endif
    return PLAIN;
}
Set chosen_set = best_set();

#if defined(__x86_64__)
#define CALL(function, ...)                                                  \
    (chosen_set == AVX512 ? avx512::function<T>(__VA_ARGS__)                 \
                          : chosen_set == AVX2 ? avx2::function<T>(__VA_ARGS__) : plain::function<T>(__VA_ARGS__))
#else
#define CALL(function, ...) plain::function<T>(__VA_ARGS__)
#endif

// --- threads --------------------------------------------------------------------------------------------------------

// Runs work(0) ... work(parts - 1), each in a thread of the OpenMP library that PyTorch has loaded, because a second pool
// of threads would compete with it for the cores. Without such a library, the threads are our own.
template <class Work> void in_parallel(int parts, Work& work) {
    if (parts <= 1) return work(0);
    typedef void (*Parallel)(void (*)(void*), void*, unsigned, unsigned);
    typedef int (*Number)();
#if !defined(_WIN32)
    static const auto parallel = (Parallel)dlsym(RTLD_DEFAULT, "GOMP_parallel");
    static const auto number = (Number)dlsym(RTLD_DEFAULT, "omp_get_thread_num");
    static const auto team = (Number)dlsym(RTLD_DEFAULT, "omp_get_num_threads");
    if (parallel && number && team) {
        struct Job {
            Work* work;
            int parts;
        } job{&work, parts};
        const auto run = [](void* given) {
            const Job& job = *(Job*)given;
            for (int part = number(); part < job.parts; part += team()) (*job.work)(part);  // the team may be smaller
        };
        parallel(run, &job, unsigned(parts), 0);
        return;
    }
#endif
    std::vector<std::thread> threads;
    int part = 1;
    try {
        for (; part < parts; part++) threads.emplace_back([&work, part] { work(part); });
    } catch (const std::system_error&) {  // no more threads: this one does the rest
    }
    work(0);
    for (; part < parts; part++) work(part);
    for (auto& thread : threads) thread.join();
}

// Work of fewer multiply-adds is done before a second thread has woken up.
constexpr int64_t WORTH_A_THREAD = 500000;

// Calls pass(begin, end) for ranges of rows with about equally many edges, which begin at whole blocks of rows. A thread
// that has finished takes the next range, so that a slow thread does not delay the others. One thread sums each row in
// one order: the division of work changes no bit.
template <class Pass>
void over_rows(const Edges& edges, int64_t first, int64_t last, int64_t block, int64_t batch, int threads, Pass pass) {
    const int64_t before = edges.pointers[first] + first, all = edges.pointers[last] + last - before;
    const int64_t work = all * batch;
    const int workers = int(std::clamp<int64_t>(work / WORTH_A_THREAD, 1, threads));
    const int ranges = workers == 1 ? 1 : int(std::clamp<int64_t>(work / WORTH_A_THREAD, workers, 16 * workers));
    const auto border = [&](int range) -> int64_t {
        if (range == 0) return first;
        if (range == ranges) return last;
        int64_t low = first / block, high = last / block;
        const int64_t wanted = before + all * range / ranges;
        while (low < high) {
            const int64_t middle = (low + high) / 2, row = middle * block;
            if (edges.pointers[row] + row < wanted) low = middle + 1;
            else high = middle;
        }
        return low * block;
    };
    std::atomic<int> next{0};
    auto work_on = [&](int) {
        for (int range = next++; range < ranges; range = next++) {
            const int64_t begin = border(range), end = border(range + 1);
            if (begin < end) pass(begin, end);
        }
    };
    in_parallel(workers, work_on);
}

template <class Pass> void over_rows(const Edges& edges, int64_t block, int64_t batch, int threads, Pass pass) {
    over_rows(edges, 0, edges.rows, block, batch, threads, pass);
}

// --- called by Python -----------------------------------------------------------------------------------------------

typedef unsigned long long Address;
template <class P> P at(Address address) { return (P)(uintptr_t)address; }

struct EdgesGiven {
    long long rows, sources;
    Address pointers, columns, numbers;
    Edges edges() const {
        return {rows, sources, at<const int32_t*>(pointers), at<const int32_t*>(columns), at<const int32_t*>(numbers)};
    }
};
#define EDGES_FORMAT "(LLKKK)"
#define EDGES_OF(e) &e.rows, &e.sources, &e.pointers, &e.columns, &e.numbers

// Runs work with a number of the type of the arrays, without the interpreter's lock.
template <class Work> PyObject* for_type(int wide, Work work) {
    Py_BEGIN_ALLOW_THREADS
    if (wide) work(double());
    else work(float());
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

PyObject* py_pack(PyObject*, PyObject* args) {
    int wide, threads;
    long long units, batch, unit_stride, batch_stride;
    Address x, to;
    if (!PyArg_ParseTuple(args, "piKLLLLK", &wide, &threads, &x, &units, &batch, &unit_stride, &batch_stride, &to))
        return nullptr;
    return for_type(wide, [&](auto number) {
        using T = decltype(number);
        const Values<T> values{at<const T*>(x), units, batch, unit_stride, batch_stride};
        const int parts = int(std::clamp<int64_t>(units * batch / (WORTH_A_THREAD / 16), 1, threads));
        auto work = [&](int part) {
            const int64_t begin = units * part / parts, end = units * (part + 1) / parts;
            CALL(pack, values, at<T*>(to), begin, end);
        };
        in_parallel(parts, work);
    });
}

PyObject* py_rows(PyObject*, PyObject* args) {
    int threads;
    Address from, numbers, to;
    long long samples, count, size;
    double scale;
    if (!PyArg_ParseTuple(args, "iKKKLLLd", &threads, &from, &numbers, &to, &samples, &count, &size, &scale))
        return nullptr;
    const int64_t* wanted = at<const int64_t*>(numbers);
    for (int64_t i = 0; i < count; i++)
        if (wanted[i] < 0 || wanted[i] >= samples)
            return PyErr_Format(PyExc_IndexError, "sample %lld of %lld", (long long)wanted[i], samples);
    Py_BEGIN_ALLOW_THREADS
    using T = float;
    const int parts = int(std::clamp<int64_t>(count * size / (WORTH_A_THREAD / 16), 1, threads));
    auto work = [&](int part) {
        const int64_t begin = count * part / parts, end = count * (part + 1) / parts;
        CALL(rows, at<const uint8_t*>(from), wanted, size, T(scale), at<T*>(to), begin, end);
    };
    in_parallel(parts, work);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

// A pass over one projection, from two arrays into a third: pass(number, edges, batch, arrays, begin, end).
template <class Pass> PyObject* alone(PyObject* args, Pass pass) {
    int wide, threads;
    long long batch;
    EdgesGiven e;
    Address arrays[3];
    if (!PyArg_ParseTuple(args, "pi" EDGES_FORMAT "LKKK", &wide, &threads, EDGES_OF(e), &batch, &arrays[0], &arrays[1],
                          &arrays[2]))
        return nullptr;
    return for_type(wide, [&](auto number) {
        const Edges edges = e.edges();
        over_rows(edges, 1, batch, threads,
                  [&](int64_t begin, int64_t end) { pass(number, edges, batch, arrays, begin, end); });
    });
}

PyObject* py_product(PyObject*, PyObject* args) {
    return alone(args, [](auto number, const Edges& edges, int64_t batch, const Address* a, int64_t begin, int64_t end) {
        using T = decltype(number);
        CALL(product, edges, batch, at<const T*>(a[0]), at<const T*>(a[1]), at<T*>(a[2]), begin, end);
    });
}

PyObject* py_dots(PyObject*, PyObject* args) {
    return alone(args, [](auto number, const Edges& edges, int64_t batch, const Address* a, int64_t begin, int64_t end) {
        using T = decltype(number);
        CALL(edge_dots, edges, batch, at<const T*>(a[0]), at<const T*>(a[1]), at<T*>(a[2]), begin, end);
    });
}

struct BranchGiven {
    Address weights, bias, cables;
    long long children;
    int curve;
    double parameters[3];
    template <class T> Branch<T> branch() const {
        return {at<const T*>(weights), at<const T*>(bias), at<const T*>(cables), children, curve,
                {T(parameters[0]), T(parameters[1]), T(parameters[2])}};
    }
};
#define BRANCH_FORMAT "(KKKLiddd)"
#define BRANCH_OF(b) \
    &b.weights, &b.bias, &b.cables, &b.children, &b.curve, &b.parameters[0], &b.parameters[1], &b.parameters[2]

// `bits` is used if f has two slopes.
PyObject* py_branch_forward(PyObject*, PyObject* args) {
    int wide, threads;
    long long batch;
    EdgesGiven e;
    BranchGiven b;
    Address x, total, bits;
    if (!PyArg_ParseTuple(args, "pi" EDGES_FORMAT BRANCH_FORMAT "LKKK", &wide, &threads, EDGES_OF(e), BRANCH_OF(b),
                          &batch, &x, &total, &bits))
        return nullptr;
    return for_type(wide, [&](auto number) {
        using T = decltype(number);
        const Edges edges = e.edges();
        const auto branch = b.branch<T>();
        over_rows(edges, branch.children, batch, threads, [&](int64_t begin, int64_t end) {
            if (branch.curve) CALL(curved_forward, edges, branch, batch, at<const T*>(x), at<T*>(total), begin, end);
            else
                CALL(branch_forward, edges, branch, batch, at<const T*>(x), at<T*>(total), at<uint16_t*>(bits), begin, end);
        });
    });
}

// For f with two slopes.
PyObject* py_branch_backward(PyObject*, PyObject* args) {
    int wide, threads;
    long long batch;
    EdgesGiven e;
    BranchGiven b;
    Address x, g, bits, weights, bias, cables;
    if (!PyArg_ParseTuple(args, "pi" EDGES_FORMAT BRANCH_FORMAT "LKKKKKK", &wide, &threads, EDGES_OF(e), BRANCH_OF(b),
                          &batch, &x, &g, &bits, &weights, &bias, &cables))
        return nullptr;
    return for_type(wide, [&](auto number) {
        using T = decltype(number);
        const Edges edges = e.edges();
        const auto branch = b.branch<T>();
        const Gradients<T> gradients{at<T*>(weights), at<T*>(bias), at<T*>(cables)};
        over_rows(edges, branch.children, batch, threads, [&](int64_t begin, int64_t end) {
            CALL(branch_backward, edges, branch, batch, at<const T*>(x), at<const T*>(g), at<const uint16_t*>(bits),
                 gradients, begin, end);
        });
    });
}

// For f with two slopes.
PyObject* py_branch_sources(PyObject*, PyObject* args) {
    int wide, threads;
    long long batch;
    EdgesGiven e;
    BranchGiven b;
    Address g, bits, gradient;
    if (!PyArg_ParseTuple(args, "pi" EDGES_FORMAT BRANCH_FORMAT "LKKK", &wide, &threads, EDGES_OF(e), BRANCH_OF(b),
                          &batch, &g, &bits, &gradient))
        return nullptr;
    return for_type(wide, [&](auto number) {
        using T = decltype(number);
        const Edges edges = e.edges();
        const auto branch = b.branch<T>();
        over_rows(edges, 1, batch, threads, [&](int64_t begin, int64_t end) {
            CALL(branch_sources, edges, branch, batch, at<const T*>(g), at<const uint16_t*>(bits), at<T*>(gradient), begin,
                 end);
        });
    });
}

// For f with a curve. `of_x` may be 0; otherwise `of_u` has room for a tile of `some` dendrites, and `next` for one number
// for each source.
PyObject* py_curve_backward(PyObject*, PyObject* args) {
    int wide, threads;
    long long batch, some;
    EdgesGiven e, by_source;
    BranchGiven b;
    Address x, g, weights, bias, cables, of_u, next, of_x;
    if (!PyArg_ParseTuple(args, "pi" EDGES_FORMAT BRANCH_FORMAT "LKKKKK" EDGES_FORMAT "LKKK", &wide, &threads, EDGES_OF(e),
                          BRANCH_OF(b), &batch, &x, &g, &weights, &bias, &cables, EDGES_OF(by_source), &some, &of_u, &next,
                          &of_x))
        return nullptr;
    return for_type(wide, [&](auto number) {
        using T = decltype(number);
        const Edges edges = e.edges(), transposed = by_source.edges();
        const auto branch = b.branch<T>();
        const Gradients<T> gradients{at<T*>(weights), at<T*>(bias), at<T*>(cables)};
        const int64_t count = CALL(tiles, batch);
        const auto backward = [&](int64_t tile, int64_t first, int64_t begin, int64_t end) {
            CALL(curved_backward, edges, branch, batch, tile, at<const T*>(x), at<const T*>(g), gradients, at<T*>(of_u),
                 first, begin, end);
        };
        if (!of_x)
            return over_rows(edges, 1, batch, threads, [&](int64_t begin, int64_t end) {
                for (int64_t tile = 0; tile < count; tile++) backward(tile, 0, begin, end);
            });
        for (int64_t tile = 0; tile < count; tile++) {
            const int64_t samples = batch / count;  // about, to share the work
            std::copy_n(transposed.pointers, transposed.rows, at<int32_t*>(next));
            for (int64_t first = 0; first < edges.rows; first += some) {
                const int64_t last = std::min<int64_t>(first + some, edges.rows);
                over_rows(edges, first, last, 1, samples, threads,
                          [&](int64_t begin, int64_t end) { backward(tile, first, begin, end); });
                over_rows(transposed, 1, samples * (last - first) / edges.rows, threads, [&](int64_t begin, int64_t end) {
                    CALL(curved_sources, transposed, branch.weights, batch, tile, at<const T*>(of_u), first, last,
                         at<int32_t*>(next), at<T*>(of_x), begin, end);
                });
            }
        }
    });
}

int lanes(bool wide) { return (chosen_set == AVX512 ? 64 : chosen_set == AVX2 ? 32 : 16) / (wide ? 8 : 4); }

PyObject* py_lanes(PyObject*, PyObject* args) {
    int wide;
    return PyArg_ParseTuple(args, "p", &wide) ? PyLong_FromLong(lanes(wide)) : nullptr;
}

PyObject* py_width(PyObject*, PyObject* args) {
    int wide;
    return PyArg_ParseTuple(args, "p", &wide) ? PyLong_FromLong(plain::NV * lanes(wide)) : nullptr;
}

PyObject* py_instruction_set(PyObject*, PyObject*) { return PyUnicode_FromString(NAMES[chosen_set]); }

PyObject* py_use(PyObject*, PyObject* args) {
    const char* name;
    if (!PyArg_ParseTuple(args, "s", &name)) return nullptr;
    for (int set = PLAIN; set <= best_set(); set++)
        if (!std::strcmp(name, NAMES[set])) {
            chosen_set = Set(set);
            Py_RETURN_NONE;
        }
    return PyErr_Format(PyExc_ValueError, "this processor does not have '%s'", name);
}

PyMethodDef METHODS[] = {
    {"pack", py_pack, METH_VARARGS, "Values (units, batch) of any strides into tiles."},
    {"rows", py_rows, METH_VARARGS, "Samples of bytes, gathered and scaled."},
    {"product", py_product, METH_VARARGS, "u[t] = sum of w[e] x[s]."},
    {"dots", py_dots, METH_VARARGS, "d[e] = sum of g[t] x[s] over the batch."},
    {"branch_forward", py_branch_forward, METH_VARARGS, "Synapses, bias, nonlinearity and cable sum."},
    {"branch_backward", py_branch_backward, METH_VARARGS, "Gradients of weights, biases and cables."},
    {"branch_sources", py_branch_sources, METH_VARARGS, "Gradient of the sources."},
    {"curve_backward", py_curve_backward, METH_VARARGS, "All gradients, of a nonlinearity that has a curve."},
    {"lanes", py_lanes, METH_VARARGS, "Numbers in a vector, of 8 bytes or of 4: what a batch is padded to."},
    {"width", py_width, METH_VARARGS, "Samples of a full tile."},
    {"instruction_set", py_instruction_set, METH_NOARGS, "The one in use."},
    {"use", py_use, METH_VARARGS, "Use another instruction set, for tests."},
    {nullptr, nullptr, 0, nullptr},
};

PyModuleDef MODULE = {PyModuleDef_HEAD_INIT, "_native", "Passes over edges; see kernels/compiled.py.", -1, METHODS,
                      nullptr, nullptr, nullptr, nullptr};

}  // namespace

PyMODINIT_FUNC PyInit__native() { return PyModule_Create(&MODULE); }
