use super::*;

/// A pickle of protocol 2 with this body.
fn pickle(body: &[u8]) -> Vec<u8> {
    [b"\x80\x02".as_slice(), body, b"."].concat()
}

fn error_of(body: &[u8]) -> PickleError {
    let bytes = pickle(body);
    match load(&bytes) {
        Ok(pickle) => panic!("read as {:?}", pickle.root),
        Err(error) => error,
    }
}

#[test]
fn numbers_and_text_have_their_python_values() {
    let cases: [(&[u8], Value); 9] = [
        (b"K\x07", Value::Int(7)),
        (b"M\x00\x01", Value::Int(256)),
        (b"J\xfe\xff\xff\xff", Value::Int(-2)),
        (b"\x8a\x01\xff", Value::Int(-1)),
        (b"\x8a\x02\xff\x00", Value::Int(255)),
        (b"\x8a\x00", Value::Int(0)),
        (b"G?\xe0\x00\x00\x00\x00\x00\x00", Value::Float(0.5)),
        (b"X\x03\x00\x00\x00abc", Value::Text("abc")),
        (b"\x89", Value::Bool(false)),
    ];
    for (body, expected) in cases {
        assert_eq!(load(&pickle(body)).unwrap().root, expected, "{body:?}");
    }
}

#[test]
fn the_memo_refers_to_the_same_dict() {
    // {'a': {}} where the inner dict is filled through the memo afterwards.
    let bytes = pickle(b"}q\x00X\x01\x00\x00\x00a}q\x01sh\x01X\x01\x00\x00\x00bK\x05s0");
    let read = load(&bytes).unwrap();
    let inner = read.get(read.root, "a").unwrap();
    assert_eq!(read.get(inner, "b"), Some(Value::Int(5)));
    assert_eq!(read.get(read.root, "b"), None);
}

#[test]
fn errors_name_the_unsupported_python_object() {
    let system = error_of(b"cposix\nsystem\nX\x04\x00\x00\x00true\x85R");
    assert_eq!(system, PickleError::Object("posix.system".to_string()));
    let evaluate = error_of(b"\x8c\x08builtins\x8c\x04eval\x93");
    assert_eq!(evaluate, PickleError::Object("builtins.eval".to_string()));
    let near = error_of(b"ctorch\nload\n");
    assert_eq!(near, PickleError::Object("torch.load".to_string()));
}

#[test]
fn unknown_calls_are_refused() {
    let storage_type_called = error_of(b"ctorch\nFloatStorage\nK\x01\x85R");
    assert!(matches!(storage_type_called, PickleError::Malformed(..)));
    let text_called = error_of(b"X\x01\x00\x00\x00a)R");
    assert!(matches!(text_called, PickleError::Malformed(..)));
    assert_eq!(error_of(b"i"), PickleError::Instruction(b'i', 2));
}

#[test]
fn an_ordered_dict_accepts_pairs() {
    let bytes = pickle(b"ccollections\nOrderedDict\n](X\x01\x00\x00\x00aK\x05ea\x85R");
    // The list's item is itself made of `a` and 5.
    assert!(load(&bytes).is_err());
    let bytes = pickle(b"ccollections\nOrderedDict\n]X\x01\x00\x00\x00aK\x05\x86a\x85R");
    let read = load(&bytes).unwrap();
    assert_eq!(read.get(read.root, "a"), Some(Value::Int(5)));
}

#[test]
fn every_truncated_pickle_is_an_error() {
    let whole = pickle(
        b"ccollections\nOrderedDict\n)Rq\x00(X\x01\x00\x00\x00actorch._utils\n_rebuild_tensor_v2\n\
          ((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x06tQ\
          K\x00K\x02K\x03\x86K\x03K\x01\x86\x89ccollections\nOrderedDict\n)RtRu",
    );
    let read = load(&whole).unwrap();
    assert_eq!(read.tensors[0].shape, [2, 3]);
    assert_eq!(read.storages[0].key, "0");
    assert_eq!(read.end, whole.len());
    for end in 0..whole.len() {
        assert!(
            load(&whole[..end]).is_err(),
            "{end} of {} bytes",
            whole.len()
        );
    }
}

#[test]
fn no_single_damaged_byte_panics() {
    let whole = pickle(
        b"ccollections\nOrderedDict\n)Rq\x00(X\x01\x00\x00\x00actorch._utils\n_rebuild_tensor_v2\n\
          ((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x06tQ\
          K\x00K\x02K\x03\x86K\x03K\x01\x86\x89h\x00tRu",
    );
    let mut refused = 0;
    for at in 0..whole.len() {
        for byte in 0..=255 {
            let mut damaged = whole.clone();
            damaged[at] = byte;
            refused += usize::from(load(&damaged).is_err());
        }
    }
    assert!(refused > whole.len() * 100, "only {refused} were refused");
}

#[test]
fn wrong_lengths_are_refused_without_allocation() {
    assert_eq!(error_of(b"X\xff\xff\xff\xffabc"), PickleError::Truncated);
    assert_eq!(
        error_of(b"\x8d\xff\xff\xff\xff\xff\xff\xff\xffabc"),
        PickleError::Truncated
    );
    assert_eq!(
        error_of(b"\x8b\xff\xff\xff\xff\x01"),
        PickleError::Truncated
    );
}

#[test]
fn deep_nesting_does_not_overflow_the_call_stack() {
    let deep = 1_000_000;
    let body = [vec![b']'; deep], vec![b'a'; deep - 1]].concat();
    let bytes = pickle(&body);
    assert!(matches!(load(&bytes).unwrap().root, Value::List(0)));
}

#[test]
fn a_list_may_contain_itself() {
    let bytes = pickle(b"]q\x00h\x00a");
    let read = load(&bytes).unwrap();
    assert_eq!(read.items(read.root), Some([read.root].as_slice()));
}

#[test]
fn repeated_copies_of_a_long_list_are_refused() {
    // 1,000 pairs, then as many dicts made of all of them as fit.
    let pairs = b"X\x01\x00\x00\x00aK\x05\x86q\x01".to_vec();
    let list = [
        b"](".to_vec(),
        pairs,
        b"h\x01".repeat(999),
        b"e\x85q\x02".to_vec(),
    ]
    .concat();
    let function = b"ccollections\nOrderedDict\nq\x03".to_vec();
    let bomb = [list, function, b"h\x03h\x02R".repeat(10_000)].concat();
    assert!(matches!(
        error_of(&bomb),
        PickleError::Malformed("more copies than content", _)
    ));
}

#[test]
fn sizes_below_zero_and_too_many_axes_are_refused() {
    let tensor = |offset: &[u8], shape: &[u8]| {
        error_of(
            &[
                b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\n\
                  X\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x06tQ"
                    .as_slice(),
                offset,
                shape,
                b"K\x01\x85\x89)tR",
            ]
            .concat(),
        )
    };
    assert!(matches!(
        tensor(b"J\xff\xff\xff\xff", b"K\x01\x85"),
        PickleError::Malformed(..)
    ));
    assert!(matches!(
        tensor(b"K\x00", b"J\xff\xff\xff\xff\x85"),
        PickleError::Malformed(..)
    ));
    let axes = [b"(".to_vec(), b"K\x01".repeat(9), b"t".to_vec()].concat();
    assert!(matches!(
        tensor(b"K\x00", &axes),
        PickleError::Malformed("a tensor of too many axes", _)
    ));
}

#[test]
fn more_values_than_any_model_has_are_refused() {
    let values = |instruction: &[u8]| error_of(&instruction.repeat(MAX_VALUES + 1));
    for instruction in [b"N".as_slice(), b"(", b"]", b"}", b")0"] {
        assert!(
            matches!(
                values(instruction),
                PickleError::Malformed("too many values", _)
            ),
            "{instruction:?}"
        );
    }
    // Each value is stored in the memo under another number.
    let kept = [b"N".to_vec(), b"\x94".repeat(MAX_VALUES + 1)].concat();
    assert!(matches!(
        error_of(&kept),
        PickleError::Malformed("too many values", _)
    ));
    let storage = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x06tq\x00";
    let storages = [storage.to_vec(), b"h\x00Q0".repeat(MAX_TENSORS + 1)].concat();
    assert!(matches!(
        error_of(&storages),
        PickleError::Malformed("too many tensors", _)
    ));
    // A longer pickle is truncated.
    let long = [b"X\xff\xff\x3f\x00".to_vec(), vec![b'a'; MAX_BYTES]].concat();
    assert_eq!(error_of(&long), PickleError::Truncated);
}

#[test]
fn long_names_are_refused() {
    let long = "a".repeat(MAX_NAME_BYTES + 1);
    let object = error_of(format!("c{long}\nb\n").as_bytes());
    assert!(matches!(
        object,
        PickleError::Malformed("a name that is too long", _)
    ));
    let key = [
        b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX".as_slice(),
        &(long.len() as u32).to_le_bytes(),
        long.as_bytes(),
        b"X\x03\x00\x00\x00cpuK\x06tQ",
    ];
    assert!(matches!(
        error_of(&key.concat()),
        PickleError::Malformed("a name that is too long", _)
    ));
}
