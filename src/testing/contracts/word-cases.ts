import type { TextMatch } from '../../repositories/typed-query'

/** A query and what it must find among the texts of its group. */
export interface WordCase {
  readonly query: string
  /** Ids of texts that are found; the first one is the best hit where `best` says so. */
  readonly finds: readonly string[]
  /** Ids of texts that are not found. */
  readonly not?: readonly string[] | undefined
  readonly best?: true | undefined
  readonly match?: TextMatch | undefined
}

/** Texts of one language, each under its id, and queries of them. */
export interface WordGroup {
  readonly language: string
  readonly name: string
  readonly texts: Readonly<Record<string, string>>
  readonly cases: readonly WordCase[]
}

/** `query => id id, !id`: found and not found; `^` before the query: the first id is the best hit. */
function cases(lines: string, match?: TextMatch): WordCase[] {
  return lines
    .trim()
    .split('\n')
    .map((line) => {
      const [given = '', ids = ''] = line.trim().split(' => ')
      const all = ids.split(' ').filter((id) => id !== '')
      const not = all.filter((id) => id.startsWith('!')).map((id) => id.slice(1))
      return {
        query: JSON.parse(`"${given.replace(/^\^/, '').replaceAll('"', '\\"')}"`) as string,
        finds: all.filter((id) => !id.startsWith('!')),
        ...(not.length > 0 && { not }),
        ...(given.startsWith('^') && { best: true as const }),
        ...(match && { match }),
      }
    })
}

/** What every index of texts finds, whoever reads the words: fifteen languages and identifiers. */
export const wordGroups: readonly WordGroup[] = [
  {
    language: 'english',
    name: 'identifiers',
    texts: {
      node: 'The server runs on node.js behind a proxy.',
      js: 'A node of the js parser tree.',
      cpp: 'Written in C++ for speed.',
      csharp: 'Written in C# for the desktop.',
      dotnet: 'Runs on .NET and asp.net alike.',
      ip: 'The gateway has the address 192.168.1.1 in the lab.',
      otherip: 'Printers are at 192.1.1.168 and 1.192.168.1.',
      version: 'Release 18.12.1 fixes a crash in the parser.',
      otherversion: 'Release 12.18.1 fixes a leak, release 12.1.18 follows.',
      date: 'The report is due on 2024-05-01.',
      otherdate: 'The report is due on 2024-01-05.',
      mail: 'Write to user.name@example.com for help.',
      snake: 'Call get_user_by_id before the request.',
      att: 'The merger between AT&T and Time Warner was announced.',
      rnd: 'The R&D budget grows.',
      email: 'Send an e-mail to the office.',
      covid: 'Rules for covid-19 are void.',
      number: 'It costs 1,000 pounds a year.',
      time: 'The train leaves at 12:30 sharp.',
      usa: 'Made in the U.S.A. and sold in Europe.',
      path: 'See https://docs.example.org/guide/install for more.',
      code: 'Error HW_TIMEOUT was thrown by a-b-tool v2.',
    },
    cases: cases(`
      ^node.js => node
      node => node js
      ^C++ => cpp !csharp
      ^C# => csharp !cpp
      ^.NET => dotnet
      asp.net => dotnet
      ^192.168.1.1 => ip !otherip
      192.168 => ip
      ^18.12.1 => version !otherversion
      18.12 => version
      ^2024-05-01 => date !otherdate
      user.name@example.com => mail
      example.com => mail
      get_user_by_id => snake
      user => snake mail
      get_user => snake
      ^AT&T => att
      ^R&D => rnd
      e-mail => email
      email => email
      covid-19 => covid
      covid => covid
      1,000 => number
      1000 => number
      12:30 => time
      U.S.A. => usa
      USA => usa
      docs.example.org => path
      install => path
      HW_TIMEOUT => code
      hw_timeout => code
      timeout => code
      v2 => code
    `),
  },
  {
    language: 'english',
    name: 'english',
    texts: {
      cafe: 'We met at the café near the river.',
      resume: 'Send your résumé to Zoë.',
      naive: 'A naïve approach to parenting.',
      istanbul: 'İstanbul is the largest city in Turkey.',
      dont: 'I don’t know why they can’t come.',
      john: 'John’s universities were closed.',
      shy: 'A super\u00adcali\u200bfragilistic word; the w\u2060ord too.',
      pdf: 'This describes the infor-\nmation retrieval task.',
      wide: 'ＦＵＬＬ ｗｉｄｔｈ letters of ２０２４.',
      hamlet: 'To be, or not to be, that is the question.',
      who: 'The Who released Tommy in 1969.',
      party: 'The party 🎉 begins at noon.',
      price: 'A ticket costs 15 € or 20 £.',
      quick: 'The quick-brown fox jumps over lazy dogs.',
      ligature: 'The ﬁnal oﬃce hours.',
      shout: 'PARENTAL LEAVE POLICY',
    },
    cases: cases(`
      cafe => cafe
      café => cafe
      CAFÉ => cafe
      cafe\\u0301 => cafe
      resume => resume
      résumé => resume
      zoe => resume
      naive => naive
      istanbul => istanbul
      İSTANBUL => istanbul
      don't => dont
      can’t => dont
      john => john
      john's => john
      university => john
      supercalifragilistic => shy
      word => shy
      information => pdf
      full width => wide
      2024 => wide
      ２０２４ => wide
      to be or not to be => hamlet
      question => hamlet
      The Who => who
      tommy => who
      🎉 => party !who
      € => price
      quick brown => quick
      quick-brown => quick
      jumping fox => quick
      final => ligature
      office => ligature
      parental => shout
    `),
  },
  {
    language: 'german',
    name: 'german',
    texts: {
      haus: 'Unsere Versicherung deckt alle Häuser ab.',
      strasse: 'Die Straße ist lang und gerade.',
      not: 'In der Not frisst der Teufel Fliegen.',
      donau: 'Der Donau\u00addampf\u00adschiff\u00adfahrts\u00adverein tagt heute.',
      laut: 'Das Größte am Gebäude ist die Tür.',
    },
    cases: cases(`
      Haus => haus
      häuser => haus
      Versicherungen => haus
      strasse => strasse
      STRASSE => strasse
      Straßen => strasse
      Not Teufel => not
      Fliege => not
      Donaudampfschifffahrtsverein => donau
      Gebäude => laut
      gebaude => laut
      tur => laut
    `),
  },
  {
    language: 'french',
    name: 'french',
    texts: {
      ecole: "L'école d'été ouvre ses portes aux enfants.",
      foret: 'Nous marchions dans les forêts anciennes.',
      aujourdhui: "Aujourd'hui, l’hôpital est fermé.",
      coeur: 'Le cœur a ses raisons.',
    },
    cases: cases(`
      école => ecole
      l'école => ecole
      ecole => ecole
      enfant => ecole
      forêt => foret
      foret => foret
      marchait ancienne => foret
      aujourd'hui => aujourdhui
      hôpital => aujourdhui
      hopital => aujourdhui
      l'hôpital => aujourdhui
      coeur => coeur
      cœur => coeur
    `),
  },
  {
    language: 'spanish',
    name: 'spanish',
    texts: {
      cancion: 'Las canciones de mañana suenan en la calle.',
      nino: 'El niño corre por el jardín.',
      pinguino: 'Un pingüino en la nieve.',
    },
    cases: cases(`
      canción => cancion
      cancion => cancion
      mañana => cancion
      manana => cancion
      calles => cancion
      niños => nino
      jardin => nino
      pinguino => pinguino
    `),
  },
  {
    language: 'italian',
    name: 'italian',
    texts: {
      ragazza: "Le ragazze dell'università studiano la matematica.",
      citta: 'La città è bella di sera.',
    },
    cases: cases(`
      ragazza => ragazza
      università => ragazza
      universita => ragazza
      dell'università => ragazza
      citta => citta
      città bella => citta
    `),
  },
  {
    language: 'portuguese',
    name: 'portuguese',
    texts: {
      coracao: 'O coração do menino bate forte.',
      livro: 'Os livros estão na estante da avó.',
    },
    cases: cases(`
      coração => coracao
      coracao => coracao
      meninos => coracao
      livro => livro
      avó => livro
      estante => livro
    `),
  },
  {
    language: 'dutch',
    name: 'dutch',
    texts: { huis: 'De huizen in de stad zijn oud.', fiets: 'Zij fietsten langs de ĳsbaan.' },
    cases: cases(`
      huizen => huis
      stad => huis
      fietsten => fiets
      ijsbaan => fiets
    `),
  },
  {
    language: 'swedish',
    name: 'swedish',
    texts: { hus: 'Husen på ön är röda.', flicka: 'Flickorna läser böcker på ängen.' },
    cases: cases(`
      husen => hus
      röda => hus
      roda => hus
      flickor => flicka
      boken böcker => flicka
      ängen => flicka
    `),
  },
  {
    language: 'russian',
    name: 'russian',
    texts: {
      moskva: 'Мы живём в Москве недалеко от реки.',
      kniga: 'Новые книги лежат на столе.',
      node: 'Сервер работает на node.js и PostgreSQL.',
    },
    cases: cases(`
      Москва => moskva
      МОСКВЕ => moskva
      живем => moskva
      живём => moskva
      книга => kniga
      стол => kniga
      node.js => node
      postgresql => node
    `),
  },
  {
    language: 'turkish',
    name: 'turkish',
    texts: {
      istanbul: "İstanbul'da hava güzel.",
      isparta: 'ISPARTA gülleriyle ünlüdür.',
      cocuk: 'Çocuklar bahçede oynuyor.',
    },
    cases: cases(`
      istanbul => istanbul
      İstanbul => istanbul
      güzel => istanbul
      ısparta => isparta
      Isparta => isparta
      gül => isparta
      çocuk => cocuk
    `),
  },
  {
    language: 'arabic',
    name: 'arabic',
    texts: { madrasa: 'ذهب مُحَمَّدٌ إلى المدرسة', kitab: 'قرأت الكتاب في المكتبة سنة ٢٠٢٤' },
    cases: cases(`
      محمد => madrasa
      مُحَمَّد => madrasa
      المدرسة => madrasa
      مدرسة => madrasa
      كتاب => kitab
      الكتاب => kitab
      2024 => kitab
      ٢٠٢٤ => kitab
    `),
  },
  {
    language: 'hindi',
    name: 'hindi',
    texts: { hindi: 'मैं हिन्दी में किताब पढ़ता हूँ।', dilli: 'दिल्ली भारत की राजधानी है। वर्ष २०२४' },
    cases: cases(`
      किताब => hindi
      हिन्दी => hindi
      दिल्ली => dilli
      राजधानी => dilli
      2024 => dilli
    `),
  },
  {
    language: 'greek',
    name: 'greek',
    texts: { athina: 'Η Αθήνα είναι η πρωτεύουσα της Ελλάδας.', thalassa: 'ΘΑΛΑΣΣΑ ΚΑΙ ΗΛΙΟΣ' },
    cases: cases(`
      Αθήνα => athina
      αθηνα => athina
      πρωτεύουσα => athina
      θάλασσα => thalassa
      ήλιος => thalassa
    `),
  },
  {
    language: 'cjk',
    name: 'chinese',
    texts: {
      shanghai: '昨天朋友从上海来看我们。',
      sea: '海上的风很大，海上很危险。',
      search: '全文搜索引擎支持 node.js 应用。',
    },
    cases: cases(`
      ^上海 => shanghai !sea
      ^海上 => sea !shanghai
      朋友 => shanghai
      搜索引擎 => search
      搜索 => search
      node.js => search
      危险 => sea
    `),
  },
  {
    language: 'cjk',
    name: 'japanese',
    texts: {
      tokyo: '東京都に住んでいます。',
      weather: '今日は天気がいいですね。',
      kana: 'ｶﾞﾗｽのコップとデータベース',
      hokkaido: '北海道大学の図書館',
    },
    cases: cases(`
      東京 => tokyo
      東京都 => tokyo
      住んで => tokyo
      天気 => weather
      今日 => weather
      ガラス => kana
      データベース => kana
      データ => kana
      図書館 => hokkaido
      北海道 => hokkaido
    `),
  },
  {
    language: 'cjk',
    name: 'korean',
    texts: { munseo: '한국어 문서를 검색합니다.', yeonghwa: '어제 친구와 영화를 봤어요.' },
    cases: cases(`
      한국어 => munseo
      문서 => munseo
      검색 => munseo
      친구 => yeonghwa
      영화 => yeonghwa
      영화를 => yeonghwa
    `),
  },
  {
    language: 'thai',
    name: 'thai',
    texts: { rak: 'ฉันรักประเทศไทย', ahan: 'อาหารไทยอร่อยมาก' },
    cases: cases(`
      ประเทศ => rak
      ประเทศไทย => rak
      รัก => rak
      อาหาร => ahan
      อร่อย => ahan
      ไทย => rak ahan
    `),
  },
  {
    language: 'english',
    name: 'scripts in an english collection',
    texts: {
      ko: '번역을 부탁해. 한국어 문서를 검색합니다',
      ja: '昨日、上海から友人が来ました。東京都に住んでいます',
      sea: '海上の風が強い。',
      th: 'ฉันรักประเทศไทย',
      ru: 'Привет из города Москва',
      he: 'שָׁלוֹם עולם',
      uk: "Об'єднання і п'ять днів",
      vi: 'Tiếng Việt rất hay',
    },
    cases: cases(`
      문서 => ko
      번역 => ko
      ^上海 => ja !sea
      東京 => ja
      ประเทศ => th
      москва => ru
      שלום => he
      п'ять => uk
      tieng viet => vi
      Việt => vi
    `),
  },
  {
    language: 'english',
    name: 'phrases',
    texts: {
      leave: 'Rules for parental leave in general',
      apart: 'The leave of parental advisers',
      hamlet: 'To be, or not to be, that is the question.',
      node: 'We use node.js here',
    },
    cases: [
      ...cases(
        `
      parental leave => leave !apart
      leave parental => !leave !apart
      leaves of parental adviser => apart !leave
      not to be => hamlet !leave
      use node.js here => node
      node js => node
    `,
        'phrase',
      ),
    ],
  },
  {
    language: 'cjk',
    name: 'phrases without spaces',
    texts: { tokyo: '東京都に住んでいます。', kyoto: '京都に東から来た。' },
    cases: cases(
      `
      東京都に => tokyo !kyoto
      京都に => tokyo kyoto
    `,
      'phrase',
    ),
  },
  {
    language: 'english',
    name: 'beginnings',
    texts: {
      leave: 'Rules for parental leave',
      install: 'How to install it',
      node: 'We use node.js',
      other: 'Nothing else',
    },
    cases: cases(
      `
      paren => leave !other
      pare => leave !other
      inst => install !other
      rules for par => leave
      node => node
      node.j => node
      zzz => !leave !other
    `,
      'prefix',
    ),
  },
]
