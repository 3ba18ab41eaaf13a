;; A component with memory as a small guest has it. Its task does nothing, so that
;; everything measured is ours.
(component
  (core module $m
    (memory (export "memory") 2)
    (func (export "empty") (param i32) (result i32)
      (i32.store (i32.const 65528) (local.get 0))
      (i32.load (i32.const 65528))))
  (core instance $i (instantiate $m))
  (func (export "empty") (param "n" u32) (result u32) (canon lift (core func $i "empty"))))
