;; Packed RGB to planar YUV 4:2:0 (limited range): rows in pairs, eight columns at a time.
;; i420-wasm.ts holds the assembled module. A test compares both, and updates that file if run with -u.
(module
  ;; i420.ts fills and empties it, and defines its layout. It never grows.
  (memory (export "memory") 7 7)

  ;; $constants: two i8x16 that pick, of four pixels, [red, blue] and [green, 0] as 16-bit lanes, and for each of luma,
  ;; Cb and Cr two i16x8: 2^15 times the weights of these, luma scaled to 219 of 255 levels and chroma to 224.
  ;; $step: the bytes of four pixels. Strides in bytes. $pairs: of rows, at least 1.
  ;; Reads and writes up to 7 columns behind $width, and reads 4 bytes more.
  (func (export "convert")
    (param $constants i32) (param $step i32)
    (param $source i32) (param $sourceStride i32) (param $width i32) (param $pairs i32)
    (param $luma i32) (param $lumaStride i32)
    (param $cb i32) (param $cr i32) (param $chromaStride i32)

    (local $pickRb v128) (local $pickG v128)
    (local $lumaRb v128) (local $lumaG v128) (local $lumaBias v128)
    (local $cbRb v128) (local $cbG v128) (local $crRb v128) (local $crG v128) (local $chromaBias v128)
    (local $upper i32) (local $lower i32) (local $upperLuma i32) (local $lowerLuma i32)
    (local $x i32) (local $half i32) (local $pixels v128)
    ;; Of the upper row four pixels a and four b, of the lower row c and d.
    (local $aRb v128) (local $bRb v128) (local $cRb v128) (local $dRb v128)
    (local $aG v128) (local $bG v128) (local $cG v128) (local $dG v128)

    (local.set $pickRb (v128.load (local.get $constants)))
    (local.set $pickG (v128.load offset=16 (local.get $constants)))
    (local.set $lumaRb (v128.load offset=32 (local.get $constants)))
    (local.set $lumaG (v128.load offset=48 (local.get $constants)))
    (local.set $cbRb (v128.load offset=64 (local.get $constants)))
    (local.set $cbG (v128.load offset=80 (local.get $constants)))
    (local.set $crRb (v128.load offset=96 (local.get $constants)))
    (local.set $crG (v128.load offset=112 (local.get $constants)))
    ;; 16.5 * 2^15, and 128.5 * 2^17 as chroma is of the sum of four pixels.
    (local.set $lumaBias (i32x4.splat (i32.const 540672)))
    (local.set $chromaBias (i32x4.splat (i32.const 16842752)))

    (loop $rows
      (local.set $upper (local.get $source))
      (local.set $lower (i32.add (local.get $source) (local.get $sourceStride)))
      (local.set $upperLuma (local.get $luma))
      (local.set $lowerLuma (i32.add (local.get $luma) (local.get $lumaStride)))
      (local.set $x (i32.const 0))
      (loop $columns
        (local.set $pixels (v128.load (local.get $upper)))
        (local.set $aRb (i8x16.swizzle (local.get $pixels) (local.get $pickRb)))
        (local.set $aG (i8x16.swizzle (local.get $pixels) (local.get $pickG)))
        (local.set $pixels (v128.load (local.tee $upper (i32.add (local.get $upper) (local.get $step)))))
        (local.set $bRb (i8x16.swizzle (local.get $pixels) (local.get $pickRb)))
        (local.set $bG (i8x16.swizzle (local.get $pixels) (local.get $pickG)))
        (local.set $upper (i32.add (local.get $upper) (local.get $step)))
        (local.set $pixels (v128.load (local.get $lower)))
        (local.set $cRb (i8x16.swizzle (local.get $pixels) (local.get $pickRb)))
        (local.set $cG (i8x16.swizzle (local.get $pixels) (local.get $pickG)))
        (local.set $pixels (v128.load (local.tee $lower (i32.add (local.get $lower) (local.get $step)))))
        (local.set $dRb (i8x16.swizzle (local.get $pixels) (local.get $pickRb)))
        (local.set $dG (i8x16.swizzle (local.get $pixels) (local.get $pickG)))
        (local.set $lower (i32.add (local.get $lower) (local.get $step)))

        (v128.store64_lane 0 (i32.add (local.get $upperLuma) (local.get $x))
          (i8x16.narrow_i16x8_u
            (local.tee $pixels (i16x8.narrow_i32x4_s
              (i32x4.shr_s (i32x4.add (local.get $lumaBias) (i32x4.add
                (i32x4.dot_i16x8_s (local.get $aRb) (local.get $lumaRb))
                (i32x4.dot_i16x8_s (local.get $aG) (local.get $lumaG)))) (i32.const 15))
              (i32x4.shr_s (i32x4.add (local.get $lumaBias) (i32x4.add
                (i32x4.dot_i16x8_s (local.get $bRb) (local.get $lumaRb))
                (i32x4.dot_i16x8_s (local.get $bG) (local.get $lumaG)))) (i32.const 15))))
            (local.get $pixels)))
        (v128.store64_lane 0 (i32.add (local.get $lowerLuma) (local.get $x))
          (i8x16.narrow_i16x8_u
            (local.tee $pixels (i16x8.narrow_i32x4_s
              (i32x4.shr_s (i32x4.add (local.get $lumaBias) (i32x4.add
                (i32x4.dot_i16x8_s (local.get $cRb) (local.get $lumaRb))
                (i32x4.dot_i16x8_s (local.get $cG) (local.get $lumaG)))) (i32.const 15))
              (i32x4.shr_s (i32x4.add (local.get $lumaBias) (i32x4.add
                (i32x4.dot_i16x8_s (local.get $dRb) (local.get $lumaRb))
                (i32x4.dot_i16x8_s (local.get $dG) (local.get $lumaG)))) (i32.const 15))))
            (local.get $pixels)))

        ;; The sum of each 2x2 pixels, in $aRb and $aG: rows first, then the even columns and the odd.
        (local.set $aRb (i16x8.add (local.get $aRb) (local.get $cRb)))
        (local.set $bRb (i16x8.add (local.get $bRb) (local.get $dRb)))
        (local.set $aG (i16x8.add (local.get $aG) (local.get $cG)))
        (local.set $bG (i16x8.add (local.get $bG) (local.get $dG)))
        (local.set $aRb (i16x8.add
          (i8x16.shuffle 0 1 2 3 8 9 10 11 16 17 18 19 24 25 26 27 (local.get $aRb) (local.get $bRb))
          (i8x16.shuffle 4 5 6 7 12 13 14 15 20 21 22 23 28 29 30 31 (local.get $aRb) (local.get $bRb))))
        (local.set $aG (i16x8.add
          (i8x16.shuffle 0 1 2 3 8 9 10 11 16 17 18 19 24 25 26 27 (local.get $aG) (local.get $bG))
          (i8x16.shuffle 4 5 6 7 12 13 14 15 20 21 22 23 28 29 30 31 (local.get $aG) (local.get $bG))))

        ;; Cb in the lower half, Cr in the upper.
        (local.set $half (i32.shr_u (local.get $x) (i32.const 1)))
        (local.set $pixels (i16x8.narrow_i32x4_s
          (i32x4.shr_s (i32x4.add (local.get $chromaBias) (i32x4.add
            (i32x4.dot_i16x8_s (local.get $aRb) (local.get $cbRb))
            (i32x4.dot_i16x8_s (local.get $aG) (local.get $cbG)))) (i32.const 17))
          (i32x4.shr_s (i32x4.add (local.get $chromaBias) (i32x4.add
            (i32x4.dot_i16x8_s (local.get $aRb) (local.get $crRb))
            (i32x4.dot_i16x8_s (local.get $aG) (local.get $crG)))) (i32.const 17))))
        (local.set $pixels (i8x16.narrow_i16x8_u (local.get $pixels) (local.get $pixels)))
        (v128.store32_lane 0 (i32.add (local.get $cb) (local.get $half)) (local.get $pixels))
        (v128.store32_lane 1 (i32.add (local.get $cr) (local.get $half)) (local.get $pixels))

        (br_if $columns
          (i32.lt_u (local.tee $x (i32.add (local.get $x) (i32.const 8))) (local.get $width))))

      (local.set $source
        (i32.add (local.get $source) (i32.shl (local.get $sourceStride) (i32.const 1))))
      (local.set $luma (i32.add (local.get $lowerLuma) (local.get $lumaStride)))
      (local.set $cb (i32.add (local.get $cb) (local.get $chromaStride)))
      (local.set $cr (i32.add (local.get $cr) (local.get $chromaStride)))
      (br_if $rows (local.tee $pairs (i32.sub (local.get $pairs) (i32.const 1)))))))
