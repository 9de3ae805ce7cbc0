// Transfer functions in vectors, each with its slope: the curves of dendrograph/morphology/nonlinearities.py.
//
// The exponential is a polynomial after its range is reduced, and every other function follows from it. No exponent here
// overflows. Infinite numbers and NaN give the results of PyTorch's operations.

// Polynomials, fitted for the least greatest relative error of the whole expression:
//   EXPM1   exp(r) - 1 = r + r^2 P(r), |r| <= ln 2 / 2                         float 1e-8, double 3e-19
//   LOG1P   log(1 + e) = 2 s + 2 s^3 P(s^2), s = e / (2 + e), 0 <= e <= 1      float 4e-9, double 1e-18
//   TAIL    1 - Phi(a) = exp(-a^2 / 2) P((a - 4) / (a + 4)), 0 <= a <= FAR     float 3e-9, double 3e-17
template <class T> struct Numbers;

template <> struct Numbers<float> {
    typedef uint32_t Bits;
    static constexpr int MANTISSA = 23, BIAS = 127;
    static constexpr float LEAST = -87.0f;       // below it exp is taken as 0: no subnormal numbers
    static constexpr float ROUND = 12582912.0f;  // 1.5 * 2^23: adding it rounds to a whole number, in the lowest bits
    static constexpr float LOG2_E = 1.44269504f, LN_2_HIGH = 0.693359375f, LN_2_LOW = -2.12194440e-4f;
    static constexpr float EXPM1[] = {0.49999997f, 0.166665435f, 0.0416672006f, 0.008366514f, 0.00138825225f};
    static constexpr float LOG1P[] = {0.333332092f, 0.200107649f, 0.140008867f, 0.140060604f};
    static constexpr float FAR = 13.2f;
    static constexpr float TAIL[] = {0.094410643f,     -0.170397729f,   0.124379225f,   -0.0717072636f,
                                     0.0308652837f,    -0.00849363022f, 0.000503985735f, 0.000644569867f,
                                     -0.000174391127f, -5.13143823e-05f, 9.88746979e-06f};
};

template <> struct Numbers<double> {
    typedef uint64_t Bits;
    static constexpr int MANTISSA = 52, BIAS = 1023;
    static constexpr double LEAST = -708.0;
    static constexpr double ROUND = 6755399441055744.0;  // 1.5 * 2^52
    static constexpr double LOG2_E = 1.4426950408889634, LN_2_HIGH = 6.93147180369123816490e-01,
                            LN_2_LOW = 1.90821492927058770002e-10;
    static constexpr double EXPM1[] = {
        0.5,
        0.16666666666666677,
        0.04166666666666651,
        0.008333333333321608,
        0.0013888888888960798,
        0.00019841269886202,
        2.4801587175315103e-05,
        2.7557244113646357e-06,
        2.7557400495469914e-07,
        2.5109076888305823e-08,
        2.087594468639069e-09};
    static constexpr double LOG1P[] = {
        0.33333333333333154, 0.20000000000077706, 0.1428571427403891,   0.11111111978059598,  0.09090872198111725,
        0.07693275021625079, 0.06650550607365319, 0.06052546720457518,  0.041721825332729966, 0.08505405709217333};
    static constexpr double FAR = 38.0;
    static constexpr double TAIL[] = {
        0.09441064130196894,     -0.1703977215484554,     0.12437925533926328,    -0.07170740733774149,
        0.030864804106332577,    -0.008492095481966649,   0.0005075620746590293,  0.0006388138495426668,
        -0.00018718426475423954, -4.5554876176142854e-05, 2.8648311022516014e-05, 4.631464729354814e-06,
        -4.303408284057936e-06,  -8.290889969494813e-07,  6.610897174724792e-07,  2.0524648785552266e-07,
        -9.344450173444626e-08,  -5.161305131123924e-08,  8.602517808070247e-09,  1.0679538291854323e-08,
        5.981353635444407e-10,   -1.2946634025195882e-09, -3.0683008825458615e-10};
};

// --- pieces ---------------------------------------------------------------------------------------------------------

// Lane by lane: `yes` where a > b (or a >= b, with EQUAL), `no` elsewhere, also if one of them is NaN.
template <class T, bool EQUAL = false>
inline Vector<T> where_greater(Vector<T> a, Vector<T> b, Vector<T> yes, Vector<T> no) {
#if BYTES == 64
    constexpr int GREATER = EQUAL ? _CMP_GE_OQ : _CMP_GT_OQ;
    if constexpr (sizeof(T) == 4)
        return (Vector<T>)_mm512_mask_blend_ps(_mm512_cmp_ps_mask((__m512)a, (__m512)b, GREATER), (__m512)no,
                                               (__m512)yes);
    else
        return (Vector<T>)_mm512_mask_blend_pd(_mm512_cmp_pd_mask((__m512d)a, (__m512d)b, GREATER), (__m512d)no,
                                               (__m512d)yes);
#else
    if constexpr (EQUAL) return a >= b ? yes : no;
    else return a > b ? yes : no;
#endif
}

// NaN stays NaN in all three.
template <class T> inline Vector<T> above_zero(Vector<T> u) { return where_greater<T>(Vector<T>{}, u, Vector<T>{}, u); }
template <class T> inline Vector<T> below_zero(Vector<T> u) { return where_greater<T>(u, Vector<T>{}, Vector<T>{}, u); }
template <class T> inline Vector<T> size_of(Vector<T> u) {
    typedef typename Numbers<T>::Bits Whole __attribute__((vector_size(BYTES)));
    return (Vector<T>)((Whole)u & (typename Numbers<T>::Bits(-1) >> 1));  // all but the sign
}

// The greater and the lesser of a limit and a value; NaN stays NaN.
template <class T> inline Vector<T> at_least(T limit, Vector<T> u) {
#if BYTES == 64
    if constexpr (sizeof(T) == 4) return (Vector<T>)_mm512_max_ps((__m512)all(limit), (__m512)u);
    else return (Vector<T>)_mm512_max_pd((__m512d)all(limit), (__m512d)u);
#else
    return where_greater<T>(all(limit), u, all(limit), u);
#endif
}
template <class T> inline Vector<T> at_most(T limit, Vector<T> u) {
#if BYTES == 64
    if constexpr (sizeof(T) == 4) return (Vector<T>)_mm512_min_ps((__m512)all(limit), (__m512)u);
    else return (Vector<T>)_mm512_min_pd((__m512d)all(limit), (__m512d)u);
#else
    return where_greater<T>(u, all(limit), all(limit), u);
#endif
}

// 1 / d for 1 <= d <= 2^126. A division of vectors takes as long as the polynomial of the exponential; here an
// estimate of 14 bits is refined to twice as many.
template <class T> inline Vector<T> reciprocal(Vector<T> d) {
#if BYTES == 64
    if constexpr (sizeof(T) == 4) {
        const Vector<T> guess = (Vector<T>)_mm512_rcp14_ps((__m512)d);
        return guess + guess * (all(T(1)) - d * guess);
    }
#endif
    return all(T(1)) / d;
}

// c[0] + c[1] x + ...
template <class T, int N> inline Vector<T> polynomial(const T (&c)[N], Vector<T> x) {
    Vector<T> y = all(c[N - 1]);
    UNROLL
    for (int i = N - 2; i >= 0; i--) y = y * x + all(c[i]);
    return y;
}

template <class T> struct Exponential {
    Vector<T> exp, expm1;
};

// For LEAST <= x <= -LEAST: exp(x) = 2^k exp(r), where k is the whole number nearest to x / ln 2.
template <class T> inline Exponential<T> within_range(Vector<T> x) {
    typedef Numbers<T> C;
    typedef typename C::Bits Whole __attribute__((vector_size(BYTES)));
    const Vector<T> shifted = x * all(C::LOG2_E) + all(C::ROUND), k = shifted - all(C::ROUND);
    const Vector<T> r = (x - k * all(C::LN_2_HIGH)) - k * all(C::LN_2_LOW);
    const Vector<T> p = r + r * r * polynomial(C::EXPM1, r);
    const Vector<T> scale = (Vector<T>)(((Whole)shifted + typename C::Bits(C::BIAS)) << C::MANTISSA);  // 2^k
    return {scale * p + scale, scale * p + (scale - all(T(1)))};
}

// For x <= 0.
template <class T> inline Exponential<T> exponential(Vector<T> x) {
    const Vector<T> least = all(Numbers<T>::LEAST);
    const Exponential<T> e = within_range<T>(at_least(Numbers<T>::LEAST, x));
    return {where_greater<T>(least, x, Vector<T>{}, e.exp), e.expm1};
}

// log(1 + e) for 0 <= e <= 1.
template <class T> inline Vector<T> log1p_of(Vector<T> e) {
    const Vector<T> s = e / (e + all(T(2))), twice = s + s, square = s * s;
    return twice + twice * square * polynomial(Numbers<T>::LOG1P, square);
}

// --- functions ------------------------------------------------------------------------------------------------------

// Value and slope; the compiler drops the one that a pass does not use.
template <class T> struct Point {
    Vector<T> value, slope;
};

// For 1 / (1 + e), e = exp(-v): the slope e / (1 + e)^2 is exact far out on either side.
template <class T> inline Point<T> logistic(Vector<T> v) {
    const T least = Numbers<T>::LEAST;
    const Vector<T> e = within_range<T>(at_most(-least, at_least(least, -v))).exp, q = reciprocal<T>(all(T(1)) + e);
    return {q, (e * q) * q};
}

// alpha
template <class T> inline Point<T> elu(const T* p, Vector<T> u) {
    const Exponential<T> e = exponential<T>(below_zero<T>(u));
    return {where_greater<T>(u, Vector<T>{}, u, all(p[0]) * e.expm1),
            where_greater<T>(u, Vector<T>{}, all(T(1)), all(p[0]) * e.exp)};
}

template <class T> inline Point<T> gelu(const T*, Vector<T> u) {
    typedef Numbers<T> C;
    const Vector<T> far = all(C::FAR), size = size_of<T>(u), a = where_greater<T>(size, far, far, size);
    const Vector<T> e = exponential<T>(u * u * all(T(-0.5))).exp;
    const Vector<T> tail = e * polynomial(C::TAIL, (a - all(T(4))) / (a + all(T(4))));
    const Vector<T> phi = where_greater<T>(u, Vector<T>{}, all(T(1)) - tail, tail);
    return {u * phi, phi + u * e * all(T(0.39894228040143267794))};  // 1 / sqrt(2 pi)
}

template <class T> inline Point<T> sigmoid(const T*, Vector<T> u) { return logistic<T>(u); }

// With m = exp(-2|u|) - 1: tanh |u| = -m / (2 + m), exact near 0.
template <class T> inline Point<T> hyperbolic_tangent(const T*, Vector<T> u) {
    const Exponential<T> e = exponential<T>(size_of<T>(u) * all(T(-2)));
    const Vector<T> q = reciprocal<T>(all(T(2)) + e.expm1), value = e.expm1 * q;
    return {where_greater<T>(u, Vector<T>{}, -value, value), all(T(4)) * e.exp * q * q};
}

// Above 20 the value is u, as in PyTorch.
template <class T> inline Point<T> softplus(const T*, Vector<T> u) {
    const Vector<T> e = exponential<T>(-size_of<T>(u)).exp, q = reciprocal<T>(all(T(1)) + e), linear = all(T(20));
    return {where_greater<T>(u, linear, u, above_zero<T>(u) + log1p_of<T>(e)),
            where_greater<T>(u, linear, all(T(1)), where_greater<T>(Vector<T>{}, u, e * q, q))};
}

// saturation
template <class T> inline Point<T> sublinear(const T* p, Vector<T> u) {
    const Vector<T> share = all(p[0]) / (all(p[0]) + size_of<T>(u)), value = u * share;
    return {value, share * share + (value - value)};  // no number where the value is none
}

// threshold, gain, plateau
template <class T> inline Point<T> nmda(const T* p, Vector<T> u) {
    const Point<T> at = logistic<T>(all(p[1]) * (u - all(p[0])));
    return {all(p[2]) * at.value, all(p[2] * p[1]) * at.slope};
}

// threshold, gain, decay
template <class T> inline Point<T> dcaap(const T* p, Vector<T> u) {
    const Vector<T> v = u - all(p[0]), rate = all(T(-1) / p[2]);
    const Point<T> at = logistic<T>(all(p[1]) * v);
    const Vector<T> e = exponential<T>(above_zero<T>(v) * rate).exp, value = at.value * e;
    return {value, all(p[1]) * at.slope * e + where_greater<T>(v, Vector<T>{}, value * rate, Vector<T>{})};
}

// leak, alpha, exp(c)
template <class T> inline Point<T> leaky_ada(const T* p, Vector<T> u) {
    const Vector<T> positive = above_zero<T>(u), leak = all(p[0]);
    const Vector<T> e = all(p[2]) * exponential<T>(positive * all(-p[1])).exp, above = positive * e;
    return {leak * below_zero<T>(u) + above, where_greater<T, true>(Vector<T>{}, u, leak, e - all(p[1]) * above)};
}

// --- one of them, by its number -------------------------------------------------------------------------------------

// Two functions over a number of vectors, in place: u becomes f(u); the second one writes f'(u) as well. The passes call
// them through their address: nine functions inlined for each number of vectors would take minutes to compile.
template <class T> struct Curve {
    void (*value)(const T* parameters, int count, Vector<T>* u);
    void (*point)(const T* parameters, int count, Vector<T>* u, Vector<T>* slopes);
};

template <class T, Point<T> (*F)(const T*, Vector<T>)> void value_of(const T* parameters, int count, Vector<T>* u) {
    for (int v = 0; v < count; v++) u[v] = F(parameters, u[v]).value;
}

template <class T, Point<T> (*F)(const T*, Vector<T>)>
void point_of(const T* parameters, int count, Vector<T>* u, Vector<T>* slopes) {
    for (int v = 0; v < count; v++) {
        const Point<T> found = F(parameters, u[v]);
        u[v] = found.value, slopes[v] = found.slope;
    }
}

// In the order of CURVES in branch.py, from 1 on.
template <class T> inline Curve<T> curve(int number) {
#define CURVE(f) Curve<T>{value_of<T, f<T>>, point_of<T, f<T>>}
    static constexpr Curve<T> curves[] = {
        CURVE(elu),       CURVE(gelu), CURVE(sigmoid), CURVE(hyperbolic_tangent), CURVE(softplus),
        CURVE(sublinear), CURVE(nmda), CURVE(dcaap),   CURVE(leaky_ada)};
#undef CURVE
    return curves[number - 1];
}
