// The passes over edges, written once and compiled for each instruction set: native.cpp includes this file inside a
// namespace of its own, with BYTES, the size of a vector register, set.
//
// Values are stored in tiles. A tile is `width` samples of every unit, (units, width), where `width` is up to NV vectors
// of samples. The batch is a row of tiles; zeros fill up its last vector. A unit's samples in one tile are a few cache
// lines, so that sources that neighbouring compartments share are read from the nearest cache.
//
// One thread computes each sum in a fixed order: results do not depend on the number of threads.

template <class T> struct Simd {
    typedef T V __attribute__((vector_size(BYTES)));
    typedef T Loose __attribute__((vector_size(BYTES), aligned(sizeof(T)), may_alias));  // as it lies in memory
    static constexpr int L = BYTES / sizeof(T);
};

constexpr int NV = 8;     // vectors of a full tile, each of which has an accumulator in a register
constexpr int AHEAD = 16;  // rows by which weights and indices are fetched before they are used

template <class T> using Vector = typename Simd<T>::V;

template <class T> inline Vector<T> all(T value) { return value - Vector<T>{}; }
template <class T> inline Vector<T> load(const T* at) { return *(const typename Simd<T>::Loose*)at; }
template <class T> inline void store(T* at, Vector<T> value) { *(typename Simd<T>::Loose*)at = value; }

// --- shuffles -------------------------------------------------------------------------------------------------------

// From lanes of a and b in groups of S: a0 b0 a2 b2 ... (LOW) or a1 b1 a3 b3 ...
template <int S, bool LOW, int L> constexpr int picked(int lane) {
    const bool from_a = (lane / S) % 2 == 0;
    return from_a ? (LOW ? lane : lane + S) : (LOW ? lane - S + L : lane + L);
}

template <class T, int S, bool LOW, int... LANE>
inline Vector<T> mixed(Vector<T> a, Vector<T> b, std::integer_sequence<int, LANE...>) {
#if defined(__clang__)
    return __builtin_shufflevector(a, b, picked<S, LOW, Simd<T>::L>(LANE)...);
#else
    typedef std::conditional_t<sizeof(T) == 4, int32_t, int64_t> Int;
    typedef Int Index __attribute__((vector_size(BYTES)));
    return __builtin_shuffle(a, b, Index{picked<S, LOW, Simd<T>::L>(LANE)...});
#endif
}
template <class T, int S> inline Vector<T> low(Vector<T> a, Vector<T> b) {
    return mixed<T, S, true>(a, b, std::make_integer_sequence<int, Simd<T>::L>{});
}
template <class T, int S> inline Vector<T> high(Vector<T> a, Vector<T> b) {
    return mixed<T, S, false>(a, b, std::make_integer_sequence<int, Simd<T>::L>{});
}

// Sums over the lanes of N vectors; lane i of the result is the sum of vector i (and again in lane i + N, ...).
template <class T, int N, int S = 1> INLINE Vector<T> sums(Vector<T>* v) {
    if constexpr (N > 1) {
        UNROLL
        for (int i = 0; i < N / 2; i++) v[i] = low<T, S>(v[2 * i], v[2 * i + 1]) + high<T, S>(v[2 * i], v[2 * i + 1]);
        return sums<T, N / 2, 2 * S>(v);
    } else if constexpr (S < Simd<T>::L) {
        v[0] = low<T, S>(v[0], v[0]) + high<T, S>(v[0], v[0]);
        return sums<T, 1, 2 * S>(v);
    } else {
        return v[0];
    }
}

template <class T> INLINE T sum(Vector<T> v) { return sums<T, 1>(&v)[0]; }

// Rows to columns, in place: L vectors of L lanes.
template <class T, int S = 1> inline void transpose(Vector<T>* v) {
    if constexpr (S < Simd<T>::L) {
        UNROLL
        for (int i = 0; i < Simd<T>::L; i++)
            if (!(i & S)) {
                const Vector<T> a = v[i], b = v[i + S];
                v[i] = low<T, S>(a, b);
                v[i + S] = high<T, S>(a, b);
            }
        transpose<T, 2 * S>(v);
    }
}

// --- which lanes are not above zero, one bit each -------------------------------------------------------------------

typedef uint16_t Bits;

template <class T> inline Bits not_above_zero(Vector<T> u) {
#if BYTES == 64
    if constexpr (sizeof(T) == 4) return _mm512_cmp_ps_mask((__m512)u, _mm512_setzero_ps(), _CMP_LE_OQ);
    else return _mm512_cmp_pd_mask((__m512d)u, _mm512_setzero_pd(), _CMP_LE_OQ);
#elif BYTES == 32
    if constexpr (sizeof(T) == 4) return _mm256_movemask_ps((__m256)(u <= Vector<T>{}));
    else return _mm256_movemask_pd((__m256d)(u <= Vector<T>{}));
#else
    Bits bits = 0;
    const auto found = u <= Vector<T>{};
    for (int lane = 0; lane < Simd<T>::L; lane++) bits |= (found[lane] & 1) << lane;
    return bits;
#endif
}

template <class T> inline Vector<T> chosen(Bits bits, Vector<T> where_set, Vector<T> elsewhere) {
#if BYTES == 64
    if constexpr (sizeof(T) == 4) return (Vector<T>)_mm512_mask_blend_ps(bits, (__m512)elsewhere, (__m512)where_set);
    else return (Vector<T>)_mm512_mask_blend_pd(bits, (__m512d)elsewhere, (__m512d)where_set);
#else
    typedef std::conditional_t<sizeof(T) == 4, int32_t, int64_t> Int;
    typedef Int Index __attribute__((vector_size(BYTES)));
    Index lane_bit{};
    for (int lane = 0; lane < Simd<T>::L; lane++) lane_bit[lane] = Int(1) << lane;
    const Index set = (lane_bit & Int(bits)) == lane_bit;
    return set ? where_set : elsewhere;
#endif
}

#include "transfer.h"

// --- tiles ----------------------------------------------------------------------------------------------------------

// One tile of a batch: `first` sample, `samples` of them, in `vectors` vectors (the last one may be padded).
struct Tile {
    int64_t first, samples;
    int vectors;
};

template <class T> inline int64_t tiles(int64_t batch) { return (batch + NV * Simd<T>::L - 1) / (NV * Simd<T>::L); }
template <class T> inline int64_t vectors(int64_t batch) { return (batch + Simd<T>::L - 1) / Simd<T>::L; }
template <class T> inline Tile tile(int64_t batch, int64_t number) {
    const int64_t first = number * NV * Simd<T>::L, samples = std::min<int64_t>(batch - first, NV * Simd<T>::L);
    return {first, samples, int(vectors<T>(samples))};
}

// Calls work with the number of vectors as a constant, so that their accumulators are registers.
template <class Work> inline void with_vectors(int count, Work work) {
    switch (count) {
    case 1: return work(std::integral_constant<int, 1>{});
    case 2: return work(std::integral_constant<int, 2>{});
    case 3: return work(std::integral_constant<int, 3>{});
    case 4: return work(std::integral_constant<int, 4>{});
    case 5: return work(std::integral_constant<int, 5>{});
    case 6: return work(std::integral_constant<int, 6>{});
    case 7: return work(std::integral_constant<int, 7>{});
    default: return work(std::integral_constant<int, 8>{});
    }
}

// Calls work(n, t, from) for one tile of a batch: n is its number of vectors as a constant, `from` its beginning.
template <class T, class Work>
inline void one_tile(int64_t number, const T* values, int64_t batch, int64_t units, Work work) {
    const Tile t = tile<T>(batch, number);
    with_vectors(t.vectors, [&](auto n) { work(n, t, values + t.first * units); });
}

template <class T, class Work> inline void each_tile(const T* values, int64_t batch, int64_t units, Work work) {
    for (int64_t k = 0; k < tiles<T>(batch); k++) one_tile(k, values, batch, units, work);
}

// `samples` numbers of a row of a plain array, padded with zeros.
template <class T, int N> INLINE void read_row(const T* row, int64_t samples, Vector<T>* into) {
    if (samples == N * Simd<T>::L) {
        UNROLL
        for (int v = 0; v < N; v++) into[v] = load(row + v * Simd<T>::L);
    } else {
        T padded[N * Simd<T>::L] = {};
        std::memcpy(padded, row, samples * sizeof(T));
        for (int v = 0; v < N; v++) into[v] = load(padded + v * Simd<T>::L);
    }
}

template <class T, int N> INLINE void write_row(T* row, int64_t samples, const Vector<T>* from) {
    if (samples == N * Simd<T>::L) {
        UNROLL
        for (int v = 0; v < N; v++) store(row + v * Simd<T>::L, from[v]);
    } else {
        std::memcpy(row, from, samples * sizeof(T));
    }
}

template <class T> void pack(const Values<T>& x, T* to, int64_t unit0, int64_t unit1) {
    constexpr int L = Simd<T>::L;
    for (int64_t k = 0; k < tiles<T>(x.batch); k++) {
        const Tile t = tile<T>(x.batch, k);
        const int64_t width = t.vectors * L;
        T* base = to + k * NV * L * x.units;
        int64_t unit = unit0;
        if (x.unit_stride == 1)  // batch first: blocks of L samples by L units
            for (; unit + L <= unit1; unit += L)
                for (int64_t block = 0; block < width; block += L) {
                    Vector<T> v[L];
                    for (int i = 0; i < L; i++) {
                        const int64_t sample = block + i;
                        v[i] = sample < t.samples ? load(x.at + (t.first + sample) * x.batch_stride + unit) : Vector<T>{};
                    }
                    transpose<T>(v);
                    for (int i = 0; i < L; i++) store(base + (unit + i) * width + block, v[i]);
                }
        for (; unit < unit1; unit++) {
            T* row = base + unit * width;
            const T* from = x.at + unit * x.unit_stride + t.first * x.batch_stride;
            for (int64_t i = 0; i < width; i++) row[i] = i < t.samples ? from[i * x.batch_stride] : T(0);
        }
    }
}

// --- samples of bytes -----------------------------------------------------------------------------------------------

// to = bytes / scale for the samples `numbers`, one after the other.
template <class T>
void rows(const uint8_t* from, const int64_t* numbers, int64_t size, T scale, T* to, int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
        const uint8_t* next = from + numbers[std::min(row + 2, end - 1)] * size;
        for (int64_t i = 0; i < size; i += 64) __builtin_prefetch(next + i);
        const uint8_t* sample = from + numbers[row] * size;
        T* into = to + row * size;
        for (int64_t i = 0; i < size; i++) into[i] = T(sample[i]) / scale;
    }
}

// --- one compartment ------------------------------------------------------------------------------------------------

// acc += sum of w x over the edges of a row.
template <class T, int N>
INLINE void gather(const Edges& edges, int32_t row, const T* w, const T* x, Vector<T>* acc) {
    constexpr int64_t width = N * Simd<T>::L;
    const int32_t end = edges.pointers[row + 1];
    for (int32_t j = edges.pointers[row]; j < end; j++) {
        const T* from = x + edges.columns[j] * width;
        const Vector<T> weight = all(w[edges.numbers ? edges.numbers[j] : j]);
        UNROLL
        for (int v = 0; v < N; v++) acc[v] += weight * load(from + v * Simd<T>::L);
    }
}

// The dot products of g and x over this tile for up to G edges, those from j on; the last one fills up the group.
template <class T, int N, int G>
INLINE Vector<T> group_dots(const Edges& edges, int32_t j, int32_t end, const T* x, const Vector<T>* g) {
    constexpr int64_t width = N * Simd<T>::L;
    Vector<T> acc[G];
    UNROLL
    for (int i = 0; i < G; i++) {
        const T* from = x + edges.columns[std::min(j + i, end - 1)] * width;
        acc[i] = g[0] * load(from);
        UNROLL
        for (int v = 1; v < N; v++) acc[i] += g[v] * load(from + v * Simd<T>::L);
    }
    return sums<T, G>(acc);
}

// take(j, count, d): lane i of d is the dot product of g and x over this tile for edge j + i, up to `count` edges.
template <class T, int N, class Take>
INLINE void dots(const Edges& edges, int32_t row, const T* x, const Vector<T>* g, Take take) {
    constexpr int L = Simd<T>::L, FEW = L < 8 ? 1 : L / 4;
    const int32_t end = edges.pointers[row + 1];
    int32_t j = edges.pointers[row];
    for (; end - j > L / 2; j += L) take(j, std::min<int>(L, end - j), group_dots<T, N, L>(edges, j, end, x, g));
    for (; j < end; j += FEW) take(j, std::min<int>(FEW, end - j), group_dots<T, N, FEW>(edges, j, end, x, g));
}

// `count` numbers from memory, the other lanes zero; and back.
template <class T> INLINE Vector<T> load_some(const T* at, int count) {
    if (count == Simd<T>::L) return load(at);
    Vector<T> value{};
    std::memcpy(&value, at, count * sizeof(T));
    return value;
}
template <class T> INLINE void store_some(T* at, int count, Vector<T> value) {
    if (count == Simd<T>::L) store(at, value);
    else std::memcpy(at, &value, count * sizeof(T));
}

// Calls work(row) for the rows from `begin` to `end`, and prefetches `streams`, numbers in the order of the edges: their
// arrival limits a pass over many edges.
template <class T, class Work, class... Stream>
INLINE void each_row(const Edges& edges, int64_t begin, int64_t end, Work work, const Stream*... streams) {
    for (int64_t row = begin; row < end; row++) {
        const int32_t ahead = edges.pointers[std::min(row + AHEAD, end - 1)];
        __builtin_prefetch(edges.columns + ahead);
        (__builtin_prefetch(streams + ahead), ...);
        work(int32_t(row));
    }
}

// --- one projection -------------------------------------------------------------------------------------------------

// u[t] = sum of w[e] x[s]: tiles of x -> (rows, batch).
template <class T>
void product(const Edges& edges, int64_t batch, const T* w, const T* x, T* u, int64_t begin, int64_t end) {
    each_tile(x, batch, edges.sources, [&](auto n, const Tile& t, const T* from) {
        constexpr int N = decltype(n)::value;
        const auto one = [&](int32_t row) INLINED {
            Vector<T> acc[N] = {};
            gather<T, N>(edges, row, w, from, acc);
            write_row<T, N>(u + row * batch + t.first, t.samples, acc);
        };
        each_row<T>(edges, begin, end, one, w);
    });
}

// d[e] = sum of g[t] x[s] over the batch: (rows, batch) and tiles of x -> (edges,).
template <class T>
void edge_dots(const Edges& edges, int64_t batch, const T* g, const T* x, T* d, int64_t begin, int64_t end) {
    each_tile(x, batch, edges.sources, [&](auto n, const Tile& t, const T* from) {
        constexpr int N = decltype(n)::value;
        const auto one = [&](int32_t row) INLINED {
            Vector<T> of_row[N];
            read_row<T, N>(g + row * batch + t.first, t.samples, of_row);
            dots<T, N>(edges, row, from, of_row, [&](int32_t j, int count, Vector<T> found) {
                store_some(d + j, count, t.first ? load_some(d + j, count) + found : found);
            });
        };
        each_row<T>(edges, begin, end, one, d);
    });
}

// --- dendrites of full trees in one pass ----------------------------------------------------------------------------
//
// Row d is a dendrite, its parent is d / children. With u = bias + sum of w x, the parent integrates cable f(u).

// `parents` rows of the cable sum, (parents, batch); begin and end count dendrites. take(n, t, row, u) makes f(u) of u,
// in place.
template <class T, class Take>
inline void cable_sums(const Edges& edges, const Branch<T>& branch, int64_t batch, const T* x, T* total, int64_t begin,
                       int64_t end, Take take) {
    each_tile(x, batch, edges.sources, [&](auto n, const Tile& t, const T* from) {
        constexpr int N = decltype(n)::value;
        Vector<T> sum[N] = {};
        int64_t parent = begin / branch.children, last = begin + branch.children - 1;  // its last dendrite
        const auto one = [&](int32_t row) INLINED {
            Vector<T> u[N];
            UNROLL
            for (int v = 0; v < N; v++) u[v] = all(branch.bias ? branch.bias[row] : T(0));
            gather<T, N>(edges, row, branch.weights, from, u);
            const Vector<T> cable = all(branch.cables[row]);
            take(n, t, row, u);
            UNROLL
            for (int v = 0; v < N; v++) sum[v] += cable * u[v];
            if (row != last) return;
            write_row<T, N>(total + parent * batch + t.first, t.samples, sum);
            UNROLL
            for (int v = 0; v < N; v++) sum[v] = Vector<T>{};
            parent++, last += branch.children;
        };
        each_row<T>(edges, begin, end, one, branch.weights);
    });
}

// --- f with two slopes
//
// f(u) = u above zero and slope u elsewhere. The backward pass needs only the slope that applied: one bit a lane.

template <class T>
void branch_forward(const Edges& edges, const Branch<T>& branch, int64_t batch, const T* x, T* total, Bits* bits,
                    int64_t begin, int64_t end) {
    constexpr int L = Simd<T>::L;
    const int64_t row_bits = vectors<T>(batch);
    const T slope = branch.parameters[0];
    cable_sums(edges, branch, batch, x, total, begin, end, [&](auto n, const Tile& t, int32_t row, Vector<T>* u) {
        Bits* of_row = bits + row * row_bits + t.first / L;
        UNROLL
        for (int v = 0; v < decltype(n)::value; v++) {
            of_row[v] = not_above_zero<T>(u[v]);
            // A slope of zero is a selection, not a product: 0 times infinity is not a number.
            u[v] = chosen<T>(of_row[v], slope == 0 ? Vector<T>{} : all(slope) * u[v], u[v]);
        }
    });
}

// Gradients of weights, biases and cables from the gradient of the cable sum, (parents, batch).
//
// f is linear on each side of zero: f(u) = f'(u) u. So with d[e] = sum of g f'(u) x[s] over the batch (and d[0], for
// the bias, the same with x = 1), the gradient of a weight is cable d[e], and that of the cable is the sum of w[e] d[e].
template <class T>
void branch_backward(const Edges& edges, const Branch<T>& branch, int64_t batch, const T* x, const T* g,
                     const Bits* bits, const Gradients<T>& gradients, int64_t begin, int64_t end) {
    constexpr int L = Simd<T>::L;
    const int64_t row_bits = vectors<T>(batch);
    const T slope = branch.parameters[0];
    each_tile(x, batch, edges.sources, [&](auto n, const Tile& t, const T* from) {
        constexpr int N = decltype(n)::value;
        const auto one = [&](int32_t row) INLINED {
            Vector<T> slopes[N], over_batch{};
            read_row<T, N>(g + branch.parent(row) * batch + t.first, t.samples, slopes);
            const Bits* of_row = bits + row * row_bits + t.first / L;
            UNROLL
            for (int v = 0; v < N; v++) {
                const Vector<T> below = slope == 0 ? Vector<T>{} : all(slope) * slopes[v];
                slopes[v] = chosen<T>(of_row[v], below, slopes[v]);
                over_batch += slopes[v];
            }
            const T cable = branch.cables[row], of_bias = sum<T>(over_batch);
            Vector<T> by_weight{};
            dots<T, N>(edges, row, from, slopes, [&](int32_t j, int count, Vector<T> found) INLINED {
                const Vector<T> of_weights = all(cable) * found;
                T* into = gradients.weights + j;
                store_some(into, count, t.first ? load_some(into, count) + of_weights : of_weights);
                by_weight += load_some(branch.weights + j, count) * found;
            });
            const T of_cable = sum<T>(by_weight) + (branch.bias ? branch.bias[row] * of_bias : T(0));
            gradients.cables[row] = t.first ? gradients.cables[row] + of_cable : of_cable;
            gradients.bias[row] = t.first ? gradients.bias[row] + cable * of_bias : cable * of_bias;
        };
        each_row<T>(edges, begin, end, one, branch.weights, gradients.weights);
    });
}

// Gradient of x: edges sorted by source, their columns being dendrites; tiles of g -> (sources, batch).
template <class T>
void branch_sources(const Edges& edges, const Branch<T>& branch, int64_t batch, const T* g, const Bits* bits,
                    T* gradient, int64_t begin, int64_t end) {
    constexpr int L = Simd<T>::L;
    const int64_t row_bits = vectors<T>(batch), parents = edges.sources / branch.children;
    const T slope = branch.parameters[0];
    each_tile(g, batch, parents, [&](auto n, const Tile& t, const T* from) {
        constexpr int N = decltype(n)::value;
        for (int64_t row = begin; row < end; row++) {
            Vector<T> acc[N] = {};
            for (int32_t j = edges.pointers[row]; j < edges.pointers[row + 1]; j++) {
                const int32_t dendrite = edges.columns[j];
                const T strength = branch.weights[edges.numbers[j]] * branch.cables[dendrite];
                const Vector<T> above = all(strength), below = all(slope == 0 ? T(0) : slope * strength);
                const Bits* of_dendrite = bits + dendrite * row_bits + t.first / L;
                const T* of_parent = from + branch.parent(dendrite) * (N * L);
                UNROLL
                for (int v = 0; v < N; v++)
                    acc[v] += chosen<T>(of_dendrite[v], below, above) * load(of_parent + v * L);
            }
            write_row<T, N>(gradient + row * batch + t.first, t.samples, acc);
        }
    });
}

// --- f with a curve
//
// No value of a dendrite is stored: the backward pass computes u again, which takes no longer than to store and read it.
// The gradient of x is made from the gradient of u, for a block of dendrites at a time.

template <class T>
void curved_forward(const Edges& edges, const Branch<T>& branch, int64_t batch, const T* x, T* total, int64_t begin,
                    int64_t end) {
    const Curve<T> f = curve<T>(branch.curve);
    cable_sums(edges, branch, batch, x, total, begin, end, [&](auto n, const Tile&, int32_t, Vector<T>* u) {
        f.value(branch.parameters, decltype(n)::value, u);
    });
}

// Gradients of weights, biases and cables, from one tile; on demand also the gradient of u, as a tile whose first row
// is row `first`.
template <class T>
void curved_backward(const Edges& edges, const Branch<T>& branch, int64_t batch, int64_t number, const T* x, const T* g,
                     const Gradients<T>& gradients, T* of_u, int64_t first, int64_t begin, int64_t end) {
    constexpr int L = Simd<T>::L;
    const Curve<T> f = curve<T>(branch.curve);
    one_tile(number, x, batch, edges.sources, [&](auto n, const Tile& t, const T* from) {
        constexpr int N = decltype(n)::value;
        const auto one = [&](int32_t row) INLINED {
            Vector<T> y[N], slopes[N], of_parent[N], over_batch{}, of_y{};
            UNROLL
            for (int v = 0; v < N; v++) y[v] = all(branch.bias ? branch.bias[row] : T(0));
            gather<T, N>(edges, row, branch.weights, from, y);
            f.point(branch.parameters, N, y, slopes);
            if (t.samples < N * L) {  // the padding has no gradient; 0 times infinity is no number
                const int left = int(t.samples - (N - 1) * L);
                y[N - 1] = load_some((const T*)&y[N - 1], left);
                slopes[N - 1] = load_some((const T*)&slopes[N - 1], left);
            }
            read_row<T, N>(g + branch.parent(row) * batch + t.first, t.samples, of_parent);
            UNROLL
            for (int v = 0; v < N; v++) {
                of_y += of_parent[v] * y[v];
                slopes[v] *= of_parent[v];
                over_batch += slopes[v];
            }
            const T cable = branch.cables[row], of_cable = sum<T>(of_y), of_bias = cable * sum<T>(over_batch);
            if (of_u) {
                UNROLL
                for (int v = 0; v < N; v++) store(of_u + ((row - first) * N + v) * L, all(cable) * slopes[v]);
            }
            dots<T, N>(edges, row, from, slopes, [&](int32_t j, int count, Vector<T> found) INLINED {
                const Vector<T> of_weights = all(cable) * found;
                T* into = gradients.weights + j;
                store_some(into, count, t.first ? load_some(into, count) + of_weights : of_weights);
            });
            gradients.cables[row] = t.first ? gradients.cables[row] + of_cable : of_cable;
            gradients.bias[row] = t.first ? gradients.bias[row] + of_bias : of_bias;
        };
        each_row<T>(edges, begin, end, one, branch.weights, gradients.weights);
    });
}

// Gradient of x, (sources, batch), from one tile of the gradient of u with the dendrites from `first` to `last`; it is
// added to the contribution of earlier dendrites. `edges` are sorted by source, then by dendrite; next[source] is the
// first of its edges that has not been used.
template <class T>
void curved_sources(const Edges& edges, const T* w, int64_t batch, int64_t number, const T* of_u, int64_t first,
                    int64_t last, int32_t* next, T* gradient, int64_t begin, int64_t end) {
    constexpr int L = Simd<T>::L;
    one_tile(number, of_u, batch, 0, [&](auto n, const Tile& t, const T*) {
        constexpr int N = decltype(n)::value;
        for (int64_t row = begin; row < end; row++) {
            Vector<T> acc[N] = {};
            T* into = gradient + row * batch + t.first;
            if (first) read_row<T, N>(into, t.samples, acc);
            int32_t j = next[row];
            for (; j < edges.pointers[row + 1] && edges.columns[j] < last; j++) {
                const T* from = of_u + (edges.columns[j] - first) * (N * L);
                const Vector<T> weight = all(w[edges.numbers[j]]);
                UNROLL
                for (int v = 0; v < N; v++) acc[v] += weight * load(from + v * L);
            }
            next[row] = j;
            write_row<T, N>(into, t.samples, acc);
        }
    });
}
